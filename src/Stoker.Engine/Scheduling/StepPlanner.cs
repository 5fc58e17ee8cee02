using Stoker.Engine.KvCache;

namespace Stoker.Engine.Scheduling;

/// <summary>Decides what a step does. Reads the state, writes the plan, changes nothing else.</summary>
/// <remarks>
/// 1. Decodes of running sequences, oldest first; where a block is missing the newest is preempted until there is one. Drafts
///    come along as far as rows and the sequence's blocks reach: for them nobody gives way.
/// 2. Prefill of running sequences with the rows that are left, oldest first; their blocks were taken at admission.
/// 3. Waiting sequences in order, unless something was preempted: each needs blocks for all its tokens, not only for the
///    first chunk, or it and those behind it wait. A choice whose sibling is still computing their prompt is passed
///    over: it begins in the step that completes the prompt, with the sibling's full blocks. Any other begins with what
///    the prefix cache has of it. Waiting ones stay in the order of arrival, whatever the cache has: prefixes first
///    would starve the others, and arrival order loses little, because a prompt in work is found chunk by chunk.
/// Prompts that join decodes are cut so that the step's estimated time stays within the limit: those streams wait for the
/// whole step. Where the decodes alone take more than half of the limit, twice their time is the limit: prompts then get as
/// much time as answers. Where the decodes are promised a share of their speed, the <see cref="DecodeAccount"/> says what a step may
/// take, and a prompt has no row in it while the share is not kept. Without decodes nobody waits, and the rows alone are the limit. When
/// rows are computed never changes what they give.
/// </remarks>
internal sealed class StepPlanner(StepLimits limits, StepCost? cost = null)
{
    private readonly DecodeAccount? _account = limits.DecodeShare > 0 ? new(limits.DecodeShare, limits.MaxSequences + limits.DraftRows) : null;

    // The decision in the making. One planner serves one loop, so these are fields and not allocations.
    private int _freeBlocks;
    private int _rowsLeft;
    private int _echoRowsLeft;
    private int _draftRowsLeft;
    private int _decodes;
    private int _leastPrefill;
    private StepWork _decodeWork;
    private double _microsecondsAllowed;
    private long _step; // 32 bits of quick steps are over in days
    private long[] _claimedIn = []; // by block: the last step whose plan holds it

    /// <param name="running">Sequences with blocks, by age.</param>
    /// <param name="waiting">Sequences without, by age.</param>
    /// <param name="pool">Where prefixes are looked for; null: nowhere.</param>
    public void Plan(List<SequenceState> running, List<SequenceState> waiting, int freeBlocks, BlockPool? pool, StepPlan plan)
    {
        plan.Clear();
        _step++;
        (_freeBlocks, _rowsLeft, _echoRowsLeft, _decodes) = (freeBlocks, limits.StepTokens, limits.EchoRows, 0);
        _microsecondsAllowed = double.PositiveInfinity; // for decodes, whatever they take
        _draftRowsLeft = limits.DraftRows == 0 ? 0 : limits.DraftRowsBeside(CountDecodes(running));
        PlanDecodes(running, plan);
        (_decodes, _decodeWork) = (plan.RowCount, plan.Work);
        _microsecondsAllowed = MicrosecondsBeside(plan.Work);
        _leastPrefill = _account is { Owes: true } ? 0 : StepLimits.LeastPrefill;
        PlanPrefills(running, plan);
        if (plan.Preempt.Count == 0) PlanAdmissions(running, waiting, pool, plan);
    }

    /// <summary>How long the step took that was planned last.</summary>
    public void Note(StepPlan plan, double microseconds) => _account?.Note(_decodeWork, plan.Work, microseconds);

    /// <summary>Sequences that lack their last token alone.</summary>
    public static int CountDecodes(List<SequenceState> running)
    {
        var count = 0;
        foreach (var sequence in running)
        {
            if (sequence.Gap == 1) count++;
        }
        return count;
    }

    private void PlanDecodes(List<SequenceState> running, StepPlan plan)
    {
        var last = running.Count - 1; // those behind it are preempted or reserved
        for (var index = 0; index <= last; index++)
        {
            var sequence = running[index];
            if (sequence.Gap != 1) continue;
            var missing = Math.Max(0, limits.BlocksFor(sequence.TokenCount) - sequence.Table.Count);
            while (missing > _freeBlocks && last >= index)
            {
                var victim = running[last--];
                if (victim.Reserved) continue;
                plan.Preempt.Add(victim);
                _freeBlocks += victim.Table.ExclusiveCount;
            }
            if (last < index) break; // it was the newest itself
            _freeBlocks -= missing;
            AddDecode(sequence, plan);
        }
        PlanReservedDecodes(running, last + 1, plan);
    }

    // Reserved sequences newer than the last victim have all their blocks and lose no turn.
    private void PlanReservedDecodes(List<SequenceState> running, int from, StepPlan plan)
    {
        for (var index = from; index < running.Count; index++)
        {
            if (running[index] is { Reserved: true, Gap: 1 } sequence) AddDecode(sequence, plan);
        }
    }

    /// <summary>The sequence's last token, and behind it the drafts that have a row and a block.</summary>
    private void AddDecode(SequenceState sequence, StepPlan plan)
    {
        var blocks = Math.Max(sequence.Table.Count, limits.BlocksFor(sequence.TokenCount));
        var drafts = Math.Min(Math.Min(sequence.DraftCount, _draftRowsLeft), (blocks * limits.BlockSize) - sequence.TokenCount);
        if (drafts == 0)
        {
            AddRows(sequence, sequence.Computed, plan);
            return;
        }
        (_draftRowsLeft, _rowsLeft) = (_draftRowsLeft - drafts, _rowsLeft - (1 + drafts));
        plan.Add(new(sequence, sequence.Computed, 1 + drafts, WantedLogits.All) { Drafts = drafts });
    }

    private void PlanPrefills(List<SequenceState> running, StepPlan plan)
    {
        foreach (var sequence in running)
        {
            if (_rowsLeft == 0) return;
            if (sequence.Gap > 1 && !plan.Preempt.Contains(sequence)) AddRows(sequence, sequence.Computed, plan);
        }
    }

    private void PlanAdmissions(List<SequenceState> running, List<SequenceState> waiting, BlockPool? pool, StepPlan plan)
    {
        var passedOver = -1; // choices of one request stand side by side: one look is enough for all
        foreach (var sequence in waiting)
        {
            if (_rowsLeft == 0 || running.Count + plan.Admit.Count == limits.MaxSequences) return;
            if (sequence.Group == passedOver) continue;
            if (!sequence.TryMakeReady())
            {
                (passedOver, plan.PassedOver) = (sequence.Group, true);
                continue;
            }

            var sibling = FindSibling(running, plan, sequence, out var promptDone);
            if (sibling is not null && !promptDone)
            {
                passedOver = sequence.Group;
                continue;
            }

            // The last prompt token is always computed, because its logits are needed.
            var shared = sibling is null ? 0 : (sequence.PromptLength - 1) / limits.BlockSize;
            var (firstFound, foundFree) = (plan.Found.Count, 0);
            // Of a choice that has not run its sibling has all there is; one that was preempted may find its answer.
            if (pool is { HasPrefixes: true } && (sibling is null || sequence.Preemptions > 0)) foundFree = Find(sequence, pool, plan);
            if (plan.Found.Count - firstFound > shared)
            {
                (sibling, shared) = (null, plan.Found.Count - firstFound);
            }
            else
            {
                plan.Found.RemoveRange(firstFound, plan.Found.Count - firstFound);
                foundFree = 0;
            }

            if (sequence.PromptLogitsFrom <= shared * limits.BlockSize && _echoRowsLeft == 0) return;
            // One that gets no row would hold blocks in vain, and its siblings would not find it among those that compute.
            if (RowsInTime(shared * limits.BlockSize, sequence, plan) == 0) return;
            var reserve = sequence.Preemptions >= limits.MaxPreemptions;
            var blocks = limits.BlocksFor(reserve ? sequence.MaxTokenCount : sequence.TokenCount);
            if (blocks - shared + foundFree > _freeBlocks - KeptForPrefixes(running.Count + plan.Admit.Count, pool, foundFree)) return;
            _freeBlocks -= blocks - shared + foundFree;
            Claim(plan, firstFound);
            plan.Admit.Add(new(sequence, blocks, reserve, shared > 0 ? sibling : null, shared, firstFound));
            AddRows(sequence, shared * limits.BlockSize, plan);
        }
    }

    /// <summary>Free blocks with cached prefixes that one more sequence beside so many is to leave alone.</summary>
    /// <param name="found">Those among them that it begins with itself: it keeps them from being pushed out.</param>
    private int KeptForPrefixes(int others, BlockPool? pool, int found) => others == 0 || limits.PrefixShare == 0 || pool is null
        ? 0
        : Math.Min((int)(limits.PrefixShare * pool.Count), pool.CachedFreeCount - found);

    /// <summary>
    /// Adds the blocks that the prefix cache has of a sequence, from its beginning to the first one that is missing.
    /// </summary>
    /// <remarks>
    /// Rows whose logits are wanted are computed all the same: the last one's, and those of an echo with values. One
    /// hash for each block found and one for the first that is not; a sequence that does not fit yet is looked for
    /// again in each step, because what is held changes.
    /// </remarks>
    /// <returns>How many of them are free and not claimed by another sequence of this plan.</returns>
    private int Find(SequenceState sequence, BlockPool pool, StepPlan plan)
    {
        if (_claimedIn.Length < pool.Count) _claimedIn = new long[pool.Count];
        var tokens = sequence.Tokens;
        var end = Math.Min(sequence.TokenCount - 1, sequence.PromptLogitsFrom) / limits.BlockSize;
        var (block, free) = (PrefixCache.None, 0);
        for (var index = 0; index < end; index++)
        {
            block = pool.Find(block, sequence.Space, tokens.Slice(index * limits.BlockSize, limits.BlockSize));
            if (block == PrefixCache.None) break;
            plan.Found.Add(block);
            if (pool.References(block) == 0 && _claimedIn[block] != _step) free++;
        }
        return free;
    }

    private void Claim(StepPlan plan, int firstFound)
    {
        for (var index = firstFound; index < plan.Found.Count; index++) _claimedIn[plan.Found[index]] = _step;
    }

    /// <summary>
    /// A choice of the same request that runs after this step's admissions so far, best one whose prompt is done with
    /// this step.
    /// </summary>
    private static SequenceState? FindSibling(List<SequenceState> running, StepPlan plan, SequenceState sequence, out bool promptDone)
    {
        SequenceState? found = null;
        promptDone = false;
        foreach (var other in running)
        {
            if (other.Group != sequence.Group) continue;
            found = other;
            if (promptDone = other.Computed >= other.PromptLength) return found;
        }
        foreach (var rows in plan.Rows)
        {
            if (rows.Sequence.Group != sequence.Group) continue;
            found = rows.Sequence;
            if (promptDone = rows.FirstPosition + rows.Count >= found.PromptLength) return found;
        }
        return found;
    }

    /// <summary>
    /// As many rows as the budgets allow, from <paramref name="first"/> up to the sequence's last token.
    /// </summary>
    private void AddRows(SequenceState sequence, int first, StepPlan plan)
    {
        var count = RowsInTime(first, sequence, plan);
        var wanted = WantedLogits.None;
        if (sequence.PromptLogitsFrom < sequence.PromptLength)
        {
            if (first < sequence.PromptLogitsFrom)
            {
                count = Math.Min(count, sequence.PromptLogitsFrom - first); // logits begin with the next chunk
            }
            else
            {
                (count, wanted) = (Math.Min(count, _echoRowsLeft), WantedLogits.All);
                _echoRowsLeft -= count;
            }
        }
        if (count == 0) return;
        if (wanted == WantedLogits.None && first + count == sequence.TokenCount) wanted = WantedLogits.Last;
        _rowsLeft -= count;
        plan.Add(new(sequence, first, count, wanted));
    }

    /// <summary>What a step may take in all that holds these decodes.</summary>
    private double MicrosecondsBeside(StepWork decodes)
    {
        if (decodes.Rows == 0 || !limits.IsTimed || cost is null) return double.PositiveInfinity;
        return _account?.Allow(decodes, cost) ?? Math.Max(limits.StepMicroseconds, StepLimits.Stretch * cost.Predict(decodes));
    }

    /// <summary>How many of the rows the step has time for beside its decodes.</summary>
    private int RowsInTime(int first, SequenceState sequence, StepPlan plan)
    {
        // Only the last missing one has logits. A bound on the step is better kept by an estimate that errs upwards; a share is kept by account.
        var missing = _account is null ? 0 : sequence.TokenCount - first;
        var count = Math.Min(sequence.TokenCount - first, _rowsLeft);
        if (double.IsPositiveInfinity(_microsecondsAllowed) || cost is null) return count;
        var least = Math.Max(_leastPrefill - (plan.RowCount - _decodes), 0);
        if (count <= least) return count;
        var most = Math.Min(count, Math.Max((StepLimits.Growth * cost.KnownRows) - plan.RowCount, least));
        var fits = least;
        while (fits < most) // the estimate rises with the rows
        {
            var middle = (fits + most + 1) / 2;
            if (cost.Predict(plan.Work.Plus(first, middle, middle < missing ? 0 : 1)) <= _microsecondsAllowed) fits = middle;
            else most = middle - 1;
        }
        // Where it cuts, no tile of the matrix kernels is left half empty.
        return fits == count ? count : Math.Max(fits - ((plan.RowCount + fits) % StepLimits.TileRows), least);
    }
}
