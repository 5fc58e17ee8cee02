using Stoker.Engine.Models;

namespace Stoker.Engine.Scheduling;

/// <summary>Where the engine's memory goes. Made once, at load; nothing grows afterwards.</summary>
/// <param name="StepBytes">Rows of logits and the memory of sampling.</param>
internal sealed record MemoryPlan(long WeightBytes, long StepBytes, int KvBlocks, long KvBytes)
{
    /// <param name="contextLength">Positions of one sequence at most.</param>
    /// <param name="availableBytes">Memory that the machine or the cgroup grants, for a plan without a stated budget.</param>
    /// <exception cref="ArgumentException">The budget does not even hold one block.</exception>
    public static MemoryPlan For(
        EngineOptions options, StepLimits limits, ModelShape shape, int contextLength, long weightBytes, long availableBytes)
    {
        // A row of logits in float32; for sampling, a copy, ids, a heap and weights of one row.
        var stepBytes = ((4L * limits.LogitRows) + 4 + 4 + 4 + 8) * shape.VocabularySize;
        var blockBytes = shape.KvBytesPerToken * limits.BlockSize;
        var useful = (long)limits.MaxSequences * limits.BlocksFor(contextLength); // more could never be held at once
        var kvBytes = options.MemoryBudgetBytes is { } budget
            ? budget - weightBytes - stepBytes
            : Math.Max((availableBytes - weightBytes - stepBytes) / 2, blockBytes * limits.BlocksFor(contextLength));
        var blocks = Math.Min(kvBytes / blockBytes, useful);
        if (blocks < 1)
        {
            throw new ArgumentException(
                $"{nameof(EngineOptions.MemoryBudgetBytes)} is {options.MemoryBudgetBytes}, but weights take {weightBytes} bytes, a step's buffers "
                + $"{stepBytes} and one KV block {blockBytes}: state at least {weightBytes + stepBytes + blockBytes}.", nameof(options));
        }
        return new(weightBytes, stepBytes, (int)Math.Min(blocks, int.MaxValue), blocks * blockBytes);
    }
}
