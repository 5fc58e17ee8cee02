using Stoker.Engine.KvCache;
using Stoker.Engine.Scheduling;

namespace Stoker.Engine.Speculation;

/// <summary>Proposes the next tokens of many sequences at once. The loop's thread calls it, between two steps.</summary>
/// <remarks>
/// Drafts are deterministic: verification draws at each drafted row exactly as it would have drawn without drafts, and goes on
/// while the drawn token is the draft. So a draft is accepted with the probability that the model gives it, the answer is the
/// same bit for bit, and a drafter owes correctness to nobody: a bad one costs time.
/// In each step, in this order:
/// 1. <see cref="Propose"/>, with the sequences that may have drafts. Their blocks reach to the last draft already
///    (<see cref="SequenceState.Table"/> covers <c>TokenCount + Allowed</c> positions), so a drafter with keys and values of its own
///    may write them under the same block ids, at positions from its own first missing one up to <c>TokenCount + Allowed - 1</c>.
/// 2. The target's forward pass over final tokens and drafts.
/// 3. <see cref="Computed"/> for every sequence that the step had rows of, prompts in chunks included, after verification: which
///    of its rows are of final tokens. Rows of rejected drafts are not told; their keys and values will be overwritten.
/// What it throws ends no request: the sequences go on without drafts, and after a few times it is not asked again.
/// What a drafter knows of a sequence is kept with the sequence (<see cref="SequenceDrafts"/>) and goes with it. A preemption takes the
/// blocks away: <see cref="SequenceState.Preemptions"/> tells. Paused sequences are not proposed for, but <see cref="Computed"/> goes on.
/// One that drafts from the target's states copies, in <see cref="Computed"/>, those of the first <c>final</c> rows from
/// <see cref="PlannedRows.FirstRow"/> on; the model must have been told to keep them.
/// </remarks>
internal interface IDrafter : IDisposable
{
    DraftKind Kind { get; }

    /// <summary>What its passes cost by their rows, as it measures them; null: next to nothing.</summary>
    RowCost? PassCost => null;

    /// <summary>Nobody was drafted for lately: keeping up is to cost nothing now, even if the next drafts are worse for it.</summary>
    bool IsPaused
    {
        get => false;
        set
        {
        }
    }

    /// <summary>Drafts that it can make behind the sequence's tokens at the most: its context may be shorter than the target's.</summary>
    int Room(Sequence sequence) => SequenceDrafts.Most;

    /// <summary>Rows that a proposal would have to compute for the sequence before it comes to the usual one: of the prompt, or of a pause.</summary>
    int CatchUp(Sequence sequence) => 0;

    /// <summary>
    /// For each sequence up to <see cref="SequenceDrafts.Allowed"/> tokens into <see cref="Sequence.Drafts"/>; fewer, or none, where
    /// it has none to offer.
    /// </summary>
    /// <param name="sequences">Each lacks exactly its last token (<c>Gap == 1</c>), and its allowance is above 0 and within <see cref="Room"/>.</param>
    void Propose(IReadOnlyList<Sequence> sequences);

    /// <summary>
    /// The step computed positions <c>rows.FirstPosition</c> and on of the sequence; the first <paramref name="final"/> of them are of
    /// its final tokens. Rows and logits of the step still lie where the forward pass left them.
    /// </summary>
    void Computed(in PlannedRows rows, int final);

    /// <summary>
    /// One pass on made-up rows, from the first position of a table that nobody uses, to learn what it costs. False: there is nothing to
    /// learn.
    /// </summary>
    bool Calibrate(BlockTable table, int rows) => false;
}
