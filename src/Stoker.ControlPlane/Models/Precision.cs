using Stoker.ControlPlane.Resources;

namespace Stoker.ControlPlane.Models;

/// <summary>Number formats of weights and caches. The names on the wire are these in upper snake case.</summary>
public enum Precision
{
    PrecisionUnspecified,
    Fp16,
    Fp8,
    Fp8Mm,
    Fp8Ar,
    Fp8MmKvAttn,
    Fp8Kv,
    Fp8MmV2,
    Fp8V2,
    Fp8MmKvAttnV2,
    Nf4,
    Fp4,
    Bf16,
    Fp4BlockscaledMm,
    Fp4MxMoe,

    /// <summary>Ours, on CPU only.</summary>
#pragma warning disable CA1720 // contains a type's name: the field's term, as are the others
    Int8,
#pragma warning restore CA1720
}

public static class Precisions
{
    /// <summary>What a model can be prepared for; FP16 and BF16 both mean: as stored.</summary>
    public static IReadOnlyList<Precision> Preparable { get; } = [Precision.Fp8, Precision.Fp4, Precision.Int8];

    /// <summary>Those that other engines have a safetensors form for.</summary>
    public static IReadOnlyList<Precision> WithVariant { get; } = [Precision.Fp8, Precision.Int8];

    /// <summary>Of a checkpoint in 16 bits; other precisions are run from what was prepared, or from a checkpoint that is stored in them.</summary>
    public static bool IsAsStored(this Precision precision) => precision is Precision.PrecisionUnspecified or Precision.Fp16 or Precision.Bf16;

    /// <summary>What replicas and <c>stoker prepare</c> call one that can be prepared.</summary>
    public static string EngineName(this Precision precision) => WireEnum.TextOf(precision).ToLowerInvariant();

    /// <summary>Where a safetensors variant lies in the model's folder, and what it is called in addresses.</summary>
    public static string VariantFolder(this Precision precision) => $"stoker-{precision.EngineName()}-safetensors";

    /// <summary>Whether there is a meaning for it here at all: names with suffixes have none that is published.</summary>
    public static bool IsSupported(this Precision precision) => precision.IsAsStored() || Preparable.Contains(precision);
}
