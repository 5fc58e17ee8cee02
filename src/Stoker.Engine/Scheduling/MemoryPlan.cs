using Stoker.Engine.KvCache;
using Stoker.Engine.Models;
using Stoker.Engine.Sampling;
using Stoker.Engine.Speculation;

namespace Stoker.Engine.Scheduling;

/// <summary>Where the engine's memory goes. Made once, at load; nothing grows afterwards.</summary>
/// <param name="StepBytes">The forward pass's intermediate values, rows of logits, the memory of sampling, and what names the
/// rows and the blocks of running sequences.</param>
/// <param name="KvBytes">Keys and values, and what is known of each block.</param>
/// <param name="AddonBytes">The pool that addons are loaded into.</param>
internal sealed record MemoryPlan(long WeightBytes, long StepBytes, int KvBlocks, long KvBytes, long AddonBytes = 0)
{
    /// <summary>With <see cref="EngineOptions.LongPrompt"/>: the machine keeps the rest.</summary>
    private const double MostLongPrompt = 0.75;

    /// <summary>What the operator should know of it; null: all is as asked.</summary>
    public string? Note { get; init; }

    /// <param name="weightBytes">Of the model.</param>
    /// <param name="draft">Of the model that drafts; null: there is none.</param>
    /// <param name="contextLength">Positions of one sequence at most.</param>
    /// <param name="availableBytes">Memory that the machine or the cgroup grants.</param>
    /// <exception cref="ArgumentException">The budget does not even hold one block, or more than there is.</exception>
    public static MemoryPlan For(
        EngineOptions options, StepLimits limits, ModelShape shape, int contextLength, long weightBytes, long availableBytes,
        long addonBytes = 0, DraftMemory? draft = null)
    {
        if ((long)limits.LogitRows * shape.VocabularySize > Array.MaxLength)
        {
            throw new ArgumentException(
                $"{nameof(options.MaxSequences)} is {options.MaxSequences}: a step's logits, {limits.LogitRows} rows of {shape.VocabularySize}, "
                + $"would be more than one array holds ({Array.MaxLength}). State fewer sequences.", nameof(options));
        }
        draft ??= DraftMemory.None;
        weightBytes += draft.WeightBytes;
        var stepBytes = StepBytesOf(limits, shape, contextLength) + draft.StepBytes;
        var blockBytes = (shape.KvBytesPerToken(KvFormats.Of(options.KvPrecision)) * limits.BlockSize) + BlockPool.BytesPerBlock + draft.BlockBytes
            + (options.PrefixCache ? PrefixCache.BytesPerBlock(limits.BlockSize) : 0);
        var others = weightBytes + stepBytes + addonBytes;
        var useful = (long)limits.MaxSequences * limits.BlocksFor(contextLength); // more could never be held at once
        var usual = Math.Min((availableBytes - others) / 2 / blockBytes, useful);
        var blocks = Blocks(options, usual, useful, availableBytes - others, others, blockBytes);
        if (blocks < 1) throw TooSmall(options.MemoryBudgetBytes, availableBytes, weightBytes, stepBytes, addonBytes, blockBytes);
        var plan = new MemoryPlan(weightBytes, stepBytes, (int)Math.Min(blocks, int.MaxValue), blocks * blockBytes, addonBytes)
        {
            Note = options.LongPrompt is not null && blocks < 2 * usual ? NotDoubled(options, blocks, usual, limits.BlockSize) : null,
        };
        return plan.TotalBytes <= availableBytes ? plan : throw TooLarge(plan, options.MemoryBudgetBytes, availableBytes);
    }

    /// <summary>For long prompts twice the usual count, the second half being for prefixes; a stated budget wins.</summary>
    private static long Blocks(EngineOptions options, long usual, long useful, long left, long others, long blockBytes)
    {
        var doubled = options.LongPrompt is not null;
        if (options.MemoryBudgetBytes is { } budget) return Math.Min((budget - others) / blockBytes, doubled ? 2 * useful : useful);
        return doubled ? Math.Min(2 * usual, (long)(MostLongPrompt * left) / blockBytes) : usual;
    }

    private static string NotDoubled(EngineOptions options, long blocks, long usual, int blockSize) =>
        $"the KV cache has {blocks * blockSize} positions, not the {2 * usual * blockSize} that are twice the usual for {nameof(options.LongPrompt)}: "
        + (options.MemoryBudgetBytes is { } budget
            ? $"{nameof(options.MemoryBudgetBytes)} is stated, {budget}, and wins"
            : $"it takes three quarters of the memory that weights and buffers leave at the most");

    private long TotalBytes => WeightBytes + StepBytes + AddonBytes + KvBytes;

    private static long StepBytesOf(StepLimits limits, ModelShape shape, int contextLength)
    {
        var tableBytes = sizeof(int) * (long)limits.MaxSequences * limits.BlocksFor(contextLength);
        var logitBytes = ((sizeof(float) * (long)limits.LogitRows) + (limits.Samplers * SamplingScratch.BytesPerToken)) * shape.VocabularySize;
        return logitBytes + tableBytes + shape.WorkspaceBytes + (limits.StepTokens * (shape.WorkspaceBytesPerRow + StepBatch.BytesPerRow));
    }

    // Memory is granted when it is touched: without this the system would end the process in the middle of its work.
    private static ArgumentException TooLarge(MemoryPlan plan, long? budget, long availableBytes) => new(
        $"{nameof(EngineOptions.MemoryBudgetBytes)} is {budget}: the engine would take {plan.TotalBytes} bytes of it (weights {plan.WeightBytes}, a step's buffers "
        + $"{plan.StepBytes}{Pool(plan.AddonBytes)}, KV cache {plan.KvBytes}), but the machine or cgroup has {availableBytes}. State less, or fewer sequences or a shorter context.");

    private static string Pool(long addonBytes) => addonBytes == 0 ? "" : $", the pool of addons {addonBytes} ({nameof(AddonOptions.PoolBytes)})";

    private static ArgumentException TooSmall(
        long? budget, long availableBytes, long weightBytes, long stepBytes, long addonBytes, long blockBytes)
    {
        const string Name = nameof(EngineOptions.MemoryBudgetBytes);
        var given = budget is { } stated
            ? $"{Name} is {stated}"
            : $"{Name} is not stated and half of what weights and buffers leave of {availableBytes} bytes is too little";
        return new(
            $"{given}: weights take {weightBytes} bytes, a step's buffers {stepBytes}{Pool(addonBytes)} and one KV block {blockBytes}: "
            + $"state at least {weightBytes + stepBytes + addonBytes + blockBytes}.");
    }
}
