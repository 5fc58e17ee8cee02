using Stoker.ControlPlane.Models;

namespace Stoker.ControlPlane.Capacity;

/// <summary>How many accelerators a replica of a model needs where nobody says: pure arithmetic on memory.</summary>
public static class AcceleratorNeed
{
    /// <summary>What of an accelerator's memory weights and KV cache may fill; activations and the runtime have the rest.</summary>
    private const double UsableShare = 0.9;

    // For a model whose files nobody read yet: a decoder of 8e9 parameters with grouped keys has 128 KiB of keys and values for
    // each position, and it grows a little slower than the square root of the parameters. Meant to be too much rather than
    // too little.
    private const double ReferenceParameters = 8e9, ReferenceKvBytes = 131_072, KvExponent = 0.42;

    private const int Most = 64;

    /// <summary>The smallest power of two whose accelerators hold the model, being equal shares; 1 on CPU.</summary>
    /// <param name="contextLength">Positions of one sequence.</param>
    /// <param name="longPrompt">Twice the memory, twice the count, two at least.</param>
    public static int Count(AcceleratorType type, Model model, Precision precision, int contextLength, bool longPrompt)
    {
        var count = 1;
        if (type.MemoryBytes > 0 && MemoryBytes(model, precision, contextLength) is { } needed)
        {
            while (count < Most && UsableBytes(type, count) < needed) count *= 2;
        }

        return longPrompt ? count * 2 : count;
    }

    /// <summary>
    /// The fewest accelerators whose memory holds the model; null on CPU, whose share of memory is no property of the type,
    /// and where the size of the model is not known.
    /// </summary>
    public static long? Fewest(AcceleratorType type, Model model, Precision precision, int contextLength, bool longPrompt)
    {
        if (type.MemoryBytes == 0 || MemoryBytes(model, precision, contextLength) is not { } needed) return null;
        if (longPrompt) needed *= 2;
        var count = Math.Max(1, (long)(needed / UsableBytes(type, 1)));
        while (UsableBytes(type, count) < needed) count++;
        return count;
    }

    /// <summary>What so many have for weights and KV cache.</summary>
    public static double UsableBytes(AcceleratorType type, long count) => count * type.MemoryBytes * UsableShare;

    /// <summary>Weights at the precision, and the keys and values of one full context. Null when the size is not known.</summary>
    public static long? MemoryBytes(Model model, Precision precision, int contextLength)
    {
        if (Weights(model, precision) is not { } weights) return null;
        var perToken = model.KvBytesPerToken is { } known
            ? known
            : ReferenceKvBytes * Math.Pow((model.ParameterCount ?? ReferenceParameters) / ReferenceParameters, KvExponent);
        return weights + (long)(perToken * contextLength);
    }

    public static long? Weights(Model model, Precision precision) => precision switch
    {
        Precision.PrecisionUnspecified or Precision.Fp16 or Precision.Bf16 => model.WeightBytes ?? model.ParameterCount * 2,
        Precision.Nf4 or Precision.Fp4 or Precision.Fp4BlockscaledMm or Precision.Fp4MxMoe => model.ParameterCount * 9 / 16, // a scale for each 16
        _ => model.ParameterCount,
    };
}
