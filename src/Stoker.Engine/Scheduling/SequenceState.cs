using Stoker.Engine.KvCache;

namespace Stoker.Engine.Scheduling;

/// <summary>
/// What scheduling knows of a sequence: how many tokens there are, how many are computed, which blocks it holds.
/// </summary>
/// <remarks>
/// Prefill, a chunk of it, decode and recomputation after a preemption are one case: a step closes a part of the gap
/// between
/// <see cref="Computed"/> and <see cref="TokenCount"/>. Only <see cref="Scheduler"/> changes these values.
/// </remarks>
internal abstract class SequenceState(long arrival, int group, int promptLength, int maxTokenCount, BlockTable table)
{
    /// <summary>Order of submission; lower is older. Never reused.</summary>
    public long Arrival { get; } = arrival;

    /// <summary>Sequences of one group are choices of one request: they have the same prompt.</summary>
    public int Group { get; } = group;

    public int PromptLength { get; } = promptLength;

    /// <summary>Prompt and output at their longest.</summary>
    public int MaxTokenCount { get; } = maxTokenCount;

    public BlockTable Table { get; } = table;

    /// <summary>Prompt and output; final, so that their full blocks may serve others. Never drafts.</summary>
    public abstract ReadOnlySpan<int> Tokens { get; }

    /// <summary>Whose blocks it may use, and who may use its own.</summary>
    public PrefixSpace Space { get; init; } = PrefixSpace.Common;

    /// <summary>
    /// Takes hold of what only it needs, such as its addon, or sees that it comes. False while that is not there: it is passed over and
    /// holds nobody up.
    /// </summary>
    public virtual bool TryMakeReady() => true;

    /// <summary>Tokens there are: prompt and output.</summary>
    public int TokenCount { get; set; } = promptLength;

    /// <summary>Tokens proposed to follow, for the next step to verify. Its blocks reach to the last of them, or it goes without.</summary>
    public virtual int DraftCount => 0;

    /// <summary>Tokens whose keys and values are in the blocks.</summary>
    public int Computed { get; set; }

    /// <summary>
    /// The most that was ever computed: below it, computing is repetition after a preemption, not progress.
    /// </summary>
    public int HighWater { get; set; }

    /// <summary>
    /// Logits are wanted of every prompt row from here on (an echo with log-probabilities), else <see
    /// cref="int.MaxValue"/>.
    /// </summary>
    public int PromptLogitsFrom { get; set; } = int.MaxValue;

    /// <summary>Leading blocks that others find, or whose parent nobody does.</summary>
    public int PublishedBlocks { get; set; }

    public int Preemptions { get; set; }

    /// <summary>
    /// All blocks it can ever need are taken: it was preempted often enough and is not preempted again.
    /// </summary>
    public bool Reserved { get; set; }

    public int Gap => TokenCount - Computed;
}
