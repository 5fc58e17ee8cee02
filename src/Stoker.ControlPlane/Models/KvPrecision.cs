namespace Stoker.ControlPlane.Models;

/// <summary>
/// Number formats of the keys and values of a context. The names on the wire are these in upper snake case; those of <see
/// cref="Precision"/> with KV in them mean weights too.
/// </summary>
public enum KvPrecision
{
    /// <summary>The usual one.</summary>
    Bf16,

    /// <summary>E4M3: half the memory.</summary>
    Fp8,
}

public static class KvPrecisions
{
    public static long BytesPerValue(this KvPrecision precision) => precision == KvPrecision.Fp8 ? 1 : 2;

    /// <summary>What replicas call it.</summary>
    public static string EngineName(this KvPrecision precision) => precision == KvPrecision.Fp8 ? "fp8" : "bf16";
}
