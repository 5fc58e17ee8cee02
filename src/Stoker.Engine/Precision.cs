namespace Stoker.Engine;

/// <summary>In what precision the matrices of a model are held and multiplied; decided when it is opened or packed.</summary>
public enum Precision
{
    /// <summary>
    /// As stored: bf16 and f16 checkpoints exactly, f32 ones rounded to bf16; those that are stored quantised are
    /// <see cref="Fp8"/> or <see cref="Int8"/>.
    /// </summary>
    Auto,

    /// <summary>Exact for every checkpoint; the slowest and largest.</summary>
    F32,

    /// <summary>8 bits of significand; f16 and f32 checkpoints are rounded.</summary>
    Bf16,

    /// <summary>8 bit integers with one scale per 128 columns of a row; the output head too.</summary>
#pragma warning disable CA1720 // contains a type's name: the field's term, as are f32 and bf16
    Int8,
#pragma warning restore CA1720

    /// <summary>
    /// E4M3 with one scale per row; the output head in int8, which is as small and more exact. A checkpoint of E4M3 codes
    /// with one scale per row or tensor is held exactly, one with scales for blocks is rounded once more.
    /// </summary>
    Fp8,

    /// <summary>E2M1 with one scale per 32 columns of a row; the output head in int8.</summary>
    Fp4,
}
