namespace Stoker.Engine.Weights;

/// <summary>How the values of a packed matrix are held. The numbers stand in packed files and never change.</summary>
internal enum WeightFormat : byte
{
    F32 = 1,
    F16 = 2,
    Bf16 = 3,

    /// <summary>Signed 8 bit, one f16 scale per row and 128 columns.</summary>
    Int8 = 4,

    /// <summary>E4M3 (finite, largest 448), one f32 scale per row.</summary>
    Fp8 = 5,

    /// <summary>E2M1 (largest 6), one f16 scale per row and 32 columns.</summary>
    Fp4 = 6,
}

/// <summary>Which format a matrix gets in which precision.</summary>
internal static class WeightFormats
{
    /// <summary>A matrix whose values may lose precision: projections, experts and, with them, the output head.</summary>
    /// <param name="head">
    /// The output head, on which every token's choice hangs: at 4 bit one step finer, and int8 beside fp8, where it is no
    /// larger and takes a fifth of the divergence away.
    /// </param>
    public static WeightFormat Of(Precision precision, TensorType stored, bool head = false) => precision switch
    {
        Precision.Int8 => WeightFormat.Int8,
        Precision.Fp8 => head ? WeightFormat.Int8 : WeightFormat.Fp8,
        Precision.Fp4 => head ? WeightFormat.Int8 : WeightFormat.Fp4,
        _ => Wide(precision, stored),
    };

    /// <summary>A matrix that stays in 16 or 32 bit at every precision: the router, an embedding of its own.</summary>
    public static WeightFormat Wide(Precision precision, TensorType stored) => precision switch
    {
        Precision.F32 => WeightFormat.F32,
        Precision.Bf16 => WeightFormat.Bf16,
        _ => stored == TensorType.F16 ? WeightFormat.F16 : WeightFormat.Bf16,
    };
}
