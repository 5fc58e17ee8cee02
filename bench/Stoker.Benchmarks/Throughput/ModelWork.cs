using Stoker.Benchmarks.RandomModels;

namespace Stoker.Benchmarks.Throughput;

/// <summary>Operations of a step's matrices.</summary>
/// <remarks>Attention is left out: a few percent at these lengths, so a share of a limit is stated a little low.</remarks>
internal sealed record ModelWork(long ProjectionWeights, long HeadWeights)
{
    public static ModelWork Of(RandomShape shape)
    {
        long hidden = shape.Hidden, query = shape.Heads * shape.HeadDim, keyValue = shape.KvHeads * shape.HeadDim;
        return new(shape.Layers * hidden * ((2 * query) + (2 * keyValue) + (3L * shape.Intermediate)), hidden * shape.Vocabulary);
    }

    /// <param name="rows">Tokens that go through the layers.</param>
    /// <param name="logitRows">Of them, those whose logits are wanted.</param>
    public double Operations(int rows, int logitRows) => 2.0 * ((ProjectionWeights * (double)rows) + (HeadWeights * (double)logitRows));
}
