namespace Stoker.Engine;

/// <summary>
/// How keys and values are kept in the cache: what a position of context costs in memory and in bytes read.
/// </summary>
public enum KvPrecision
{
    /// <summary>As <see cref="Bf16"/>.</summary>
    Auto,

    /// <summary>Exact, at twice the memory of <see cref="Bf16"/>.</summary>
    F32,

    /// <summary>Rounded to bfloat16.</summary>
    Bf16,

    /// <summary>
    /// E4M3 without a scale, half the memory of <see cref="Bf16"/>: 3 bits of mantissa, values above 448 are cut to it.
    /// </summary>
    Fp8,
}
