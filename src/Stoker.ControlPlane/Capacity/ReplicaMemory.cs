using Stoker.ControlPlane.Models;

namespace Stoker.ControlPlane.Capacity;

/// <summary>What a replica keeps in the memory of its accelerators, in bytes: pure arithmetic.</summary>
/// <param name="Weights">Of the model at its precision; an addon that is merged into them adds nothing.</param>
/// <param name="Cache">Keys and values of one full context.</param>
/// <param name="Draft">Weights of the draft model at the same precision, and its keys and values of the same context.</param>
/// <param name="AddonPool">What is set aside for addons beside the weights.</param>
public sealed record ReplicaMemory(long Weights, long Cache, long Draft, long AddonPool)
{
    /// <summary>Addons that a replica has in memory at once, as its engine sets aside.</summary>
    public const int UsualAddons = 16;

    /// <summary>The rank that room is made for: some have more, most have less.</summary>
    public const int UsualRank = 16;

    // For a model whose files nobody read yet. A decoder of 8e9 parameters with grouped keys has 128 KiB of keys and values for
    // each position, and it grows a little slower than the square root of the parameters; an addon of all its projections has
    // 5 MiB for each rank. Both meant to be too much rather than too little.
    private const double ReferenceParameters = 8e9, ReferenceKvBytes = 131_072, KvExponent = 0.42, ReferenceAddonBytes = 5_242_880, AddonExponent = 0.74;

    public long Total => Weights + Cache + Draft + AddonPool;

    /// <param name="contextLength">Positions of one sequence.</param>
    /// <param name="draft">Null: none drafts. One whose size is not known counts nothing.</param>
    /// <param name="addons">That are in memory at once; 0: the replica takes none.</param>
    /// <returns>Null when the size of the model is not known.</returns>
    public static ReplicaMemory? Of(
        Model model, Precision precision, int contextLength, KvPrecision cache = KvPrecision.Bf16, Model? draft = null, int addons = 0)
    {
        if (WeightsOf(model, precision) is not { } weights) return null;
        var drafts = draft is not null && WeightsOf(draft, precision) is { } own ? own + CacheOf(draft, contextLength, cache) : 0;
        return new(weights, CacheOf(model, contextLength, cache), drafts, addons == 0 ? 0 : AddonPoolOf(model, addons));
    }

    /// <summary>What an engine sets aside for addons: so many of the usual rank that change every projection, and at the least one of the highest.</summary>
    public static long AddonPoolOf(Model model, int addons = UsualAddons) =>
        Math.Max(addons * UsualRank, ModelSpec.MaxRank) * (model.AddonBytesPerRank ?? Estimate(model, ReferenceAddonBytes, AddonExponent));

    private static long? WeightsOf(Model model, Precision precision) => precision switch
    {
        Precision.PrecisionUnspecified or Precision.Fp16 or Precision.Bf16 => model.WeightBytes ?? model.ParameterCount * 2,
        Precision.Nf4 or Precision.Fp4 or Precision.Fp4BlockscaledMm or Precision.Fp4MxMoe => model.ParameterCount * 9 / 16, // a scale for each 16
        _ => model.ParameterCount,
    };

    private static long CacheOf(Model model, int contextLength, KvPrecision precision) =>
        (model.KvBytesPerToken ?? Estimate(model, ReferenceKvBytes, KvExponent)) * contextLength * precision.BytesPerValue() / KvPrecision.Bf16.BytesPerValue();

    private static long Estimate(Model model, double reference, double exponent) =>
        (long)(reference * Math.Pow((model.ParameterCount ?? ReferenceParameters) / ReferenceParameters, exponent));
}
