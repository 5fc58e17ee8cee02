using Stoker.Engine.Weights;

namespace Stoker.Engine.Models;

/// <summary>Which format each kind of matrix takes, where a matrix may be made of several tensors.</summary>
internal static class PackPrecision
{
    /// <summary>Routers stay exact: a near tie between experts must not be decided by rounding, and they are tiny.</summary>
    public const WeightFormat Router = WeightFormat.F32;

    public static WeightFormat Projection(Precision precision, IReadOnlyList<PackSource> sources) =>
        WeightFormats.Of(precision, StoredType(sources));

    public static WeightFormat Head(Precision precision, IReadOnlyList<PackSource> sources) =>
        WeightFormats.Of(precision, StoredType(sources), head: true);

    /// <summary>An embedding that is not the head is looked up, never multiplied: packing it would gain no time.</summary>
    public static WeightFormat Embedding(Precision precision, IReadOnlyList<PackSource> sources) =>
        WeightFormats.Wide(precision, StoredType(sources));

    /// <summary>As in options, file names and metrics.</summary>
    public static string NameOf(WeightFormat format) => format switch
    {
        WeightFormat.F32 => "f32",
        WeightFormat.F16 => "f16",
        WeightFormat.Bf16 => "bf16",
        WeightFormat.Int8 => "int8",
        WeightFormat.Fp8 => "fp8",
        WeightFormat.Fp4 => "fp4",
        _ => throw new ArgumentOutOfRangeException(nameof(format), format, null),
    };

    /// <summary>F16 if all of them are; else what is not f16 decides, since bf16 has the range of all three.</summary>
    private static TensorType StoredType(IReadOnlyList<PackSource> sources)
    {
        foreach (var source in sources)
        {
            if (source.Matrix.Type != TensorType.F16)
            {
                return source.Matrix.Type;
            }
        }

        return TensorType.F16;
    }
}
