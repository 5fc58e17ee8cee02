using System.Runtime.InteropServices;
using Stoker.Engine.KvCache;

namespace Stoker.Engine.Scheduling;

/// <summary>
/// The sequences that run and wait, and their blocks: carries out what <see cref="StepPlanner"/> decides.
/// </summary>
/// <remarks>
/// | state    | event                          | next     |
/// | -------- | ------------------------------ | -------- |
/// | -        | Add                            | waiting  |
/// | waiting  | admitted by a plan             | running  |
/// | running  | preempted by a plan            | waiting, before all that are newer |
/// | any      | Remove (ended, cancelled)      | gone, blocks free |
/// One thread uses it: the loop is the only writer.
/// </remarks>
internal sealed partial class Scheduler(BlockPool pool, StepLimits limits, StepCost? cost = null)
{
    private readonly StepPlanner _planner = new(limits, cost);
    private readonly StepPlan _plan = new();
    private readonly List<SequenceState> _running = new(limits.MaxSequences);
    private readonly List<SequenceState> _waiting = [];

    public IReadOnlyList<SequenceState> Running => _running;

    public IReadOnlyList<SequenceState> Waiting => _waiting;

    public bool IsEmpty => _running.Count == 0 && _waiting.Count == 0;

    public BlockPool Pool => pool;

    public StepLimits Limits => limits;

    /// <summary>Arrivals come in rising order.</summary>
    public void Add(SequenceState sequence) => InsertByAge(_waiting, sequence);

    /// <summary>
    /// Decides the next step and makes room for it. The rows are then to be computed and <see cref="Complete"/>d, or
    /// their sequences removed.
    /// </summary>
    public StepPlan Begin()
    {
        _planner.Plan(_running, _waiting, pool.FreeCount, pool, _plan);
        foreach (var sequence in _plan.Preempt) Preempt(sequence);
        // Found blocks are held before anything grows: growing hands out free blocks, and they may be among them.
        foreach (var admission in _plan.Admit) HoldFound(admission);
        foreach (var admission in _plan.Admit) Admit(admission);
        foreach (var rows in _plan.Rows) rows.Sequence.Table.GrowTo(limits.BlocksFor(rows.FirstPosition + rows.Count));
        return _plan;
    }

    /// <summary>
    /// The step's rows are in the blocks. True when one of them was new, not the repetition after a preemption.
    /// </summary>
    public bool Complete(StepPlan plan)
    {
        var progress = false;
        foreach (var rows in plan.Rows) progress |= Compute(rows.Sequence, rows.FirstPosition + rows.Count - rows.Drafts);
        return progress;
    }

    /// <summary>How long the step took that <see cref="Begin"/> decided.</summary>
    public void NoteTime(StepPlan plan, double microseconds) => _planner.Note(plan, microseconds);

    /// <param name="failed">
    /// It ended in an error of the engine: what it computed is not used again, nor what it had found. If one of those blocks is
    /// the cause, every use would keep it at hand and every request with that prefix would fail; if none is, they are computed
    /// once more.
    /// </param>
    public void Remove(SequenceState sequence, bool failed = false)
    {
        if (!_running.Remove(sequence)) _waiting.Remove(sequence);
        if (failed)
        {
            foreach (var block in sequence.Table.BlockSpan) pool.Retract(block);
        }

        sequence.Table.Free();
    }

    /// <summary>Nothing that was computed until now is used again.</summary>
    public void ForgetPrefixes()
    {
        for (var block = 0; block < pool.Count; block++) pool.Retract(block);
    }

    /// <summary>Our own invariants, for tests and for the loop when it falls idle.</summary>
    public void CheckIntegrity()
    {
        pool.CheckIntegrity(_running.Concat(_waiting).Select(sequence => sequence.Table));
        Check(_running.Count <= limits.MaxSequences, "more sequences run than may");
        Check(IsByAge(_running) && IsByAge(_waiting), "a queue is out of order");
        Check(_waiting.TrueForAll(sequence => sequence.Table.Count == 0), "a waiting sequence holds blocks");
        Check(_running.TrueForAll(IsCovered), "a running sequence has tokens computed without a block, or more than there are");
        Check(_running.TrueForAll(sequence => sequence.PublishedBlocks * limits.BlockSize <= sequence.Computed), "a block was published before it was full");
        Check(_running.Concat(_waiting).All(sequence => sequence.Preemptions <= limits.MaxPreemptions), "a sequence was preempted too often");
    }

    /// <summary>The first tokens of a sequence are in its blocks. True when one of them was not before.</summary>
    private bool Compute(SequenceState sequence, int count)
    {
        sequence.Computed = count;
        Publish(sequence);
        if (count <= sequence.HighWater) return false;
        sequence.HighWater = count;
        return true;
    }

    private void Preempt(SequenceState sequence)
    {
        sequence.Table.Free();
        (sequence.Computed, sequence.PublishedBlocks) = (0, 0);
        sequence.Preemptions++;
        _running.Remove(sequence);
        InsertByAge(_waiting, sequence);
    }

    private void HoldFound(PlannedAdmission admission)
    {
        if (admission.ShareFrom is not null || admission.SharedBlocks == 0) return;
        var found = CollectionsMarshal.AsSpan(_plan.Found).Slice(admission.FirstFound, admission.SharedBlocks);
        admission.Sequence.Table.BeginWith(found);
    }

    private void Admit(PlannedAdmission admission)
    {
        var sequence = admission.Sequence;
        if (admission.ShareFrom is { } sibling) sequence.Table.ShareFrom(sibling.Table, admission.SharedBlocks);
        sequence.Table.GrowTo(admission.Blocks);
        sequence.Reserved = admission.Reserve;
        sequence.Computed = admission.SharedBlocks * limits.BlockSize;
        sequence.PublishedBlocks = admission.SharedBlocks;
        _waiting.Remove(sequence);
        InsertByAge(_running, sequence);
    }

    /// <summary>Its blocks that are full now can be found; their tokens are final.</summary>
    private void Publish(SequenceState sequence)
    {
        if (!pool.HasPrefixes || sequence.Table.Count == 0) return; // without blocks: it ended in the forward pass
        for (var full = sequence.Computed / limits.BlockSize; sequence.PublishedBlocks < full; sequence.PublishedBlocks++)
        {
            var index = sequence.PublishedBlocks;
            var blocks = sequence.Table.BlockSpan;
            var parent = index == 0 ? PrefixCache.None : blocks[index - 1];
            pool.Publish(blocks[index], parent, sequence.Space, sequence.Tokens.Slice(index * limits.BlockSize, limits.BlockSize));
        }
    }

    // Nearly always at the end: a new request at the queue's, a preempted one is older than all that never ran.
    private static void InsertByAge(List<SequenceState> queue, SequenceState sequence)
    {
        var index = queue.Count;
        while (index > 0 && queue[index - 1].Arrival > sequence.Arrival) index--;
        queue.Insert(index, sequence);
    }

    private bool IsCovered(SequenceState sequence) =>
        sequence.Table.Count >= limits.BlocksFor(sequence.Computed) && sequence.Computed <= sequence.TokenCount;

    private static bool IsByAge(List<SequenceState> queue)
    {
        for (var index = 1; index < queue.Count; index++)
        {
            if (queue[index - 1].Arrival >= queue[index].Arrival) return false;
        }
        return true;
    }

    private static void Check(bool holds, string otherwise)
    {
        if (!holds) throw new InvalidOperationException($"Scheduler: {otherwise}.");
    }
}
