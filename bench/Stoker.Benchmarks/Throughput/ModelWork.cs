using Stoker.Benchmarks.RandomModels;

namespace Stoker.Benchmarks.Throughput;

/// <summary>What a step costs at least: bytes of weights that are read once, and operations of the matrices.</summary>
/// <remarks>
/// Attention and the KV cache are left out: a few percent at these lengths, so a share of a limit is stated a little low.
/// </remarks>
internal sealed record ModelWork(long ProjectionWeights, long HeadWeights)
{
    public static ModelWork Of(RandomShape shape)
    {
        long hidden = shape.Hidden, query = shape.Heads * shape.HeadDim, keyValue = shape.KvHeads * shape.HeadDim;
        return new(shape.Layers * hidden * ((2 * query) + (2 * keyValue) + (3L * shape.Intermediate)), hidden * shape.Vocabulary);
    }

    /// <summary>Weights, scales included, that a step reads whatever its size.</summary>
    public double BytesPerStep(string precision)
    {
        const double Int8 = 1 + (2 / 128.0); // an fp16 scale for 128
        var (projections, head) = precision switch
        {
            "auto" or "bf16" => (2.0, 2.0),
            "int8" => (Int8, Int8),
            "fp8" => (1.0, 1.0), // a scale for a whole row
            "fp4" => (0.5 + (2 / 32.0), Int8),
            _ => throw new ArgumentOutOfRangeException(nameof(precision), precision, "unknown"),
        };
        return (ProjectionWeights * projections) + (HeadWeights * head);
    }

    /// <param name="rows">Tokens that go through the layers.</param>
    /// <param name="logitRows">Of them, those whose logits are wanted.</param>
    public double Operations(int rows, int logitRows) => 2.0 * ((ProjectionWeights * (double)rows) + (HeadWeights * (double)logitRows));
}
