namespace Stoker.Engine.Scheduling;

/// <summary>Decides what a step does. Reads the state, writes the plan, changes nothing else.</summary>
/// <remarks>
/// 1. Decodes of running sequences, oldest first; where a block is missing the newest is preempted until there is one.
/// 2. Prefill of running sequences with the rows that are left, oldest first; their blocks were taken at admission.
/// 3. Waiting sequences in order, unless something was preempted: each needs blocks for all its tokens, not only for the
///    first chunk, or it and those behind it wait. A choice whose sibling is still computing their prompt is passed
///    over: it begins in the step that completes the prompt, with the sibling's full blocks.
/// Prompts that join decodes are cut so that the step's estimated time stays within the limit: those streams wait for the
/// whole step. Without decodes nobody waits, and the rows alone are the limit. When rows are computed never changes what
/// they give.
/// </remarks>
internal sealed class StepPlanner(StepLimits limits, StepCost? cost = null)
{
    // The decision in the making. One planner serves one loop, so these are fields and not allocations.
    private int _freeBlocks;
    private int _rowsLeft;
    private int _echoRowsLeft;
    private int _decodes;

    /// <param name="running">Sequences with blocks, by age.</param>
    /// <param name="waiting">Sequences without, by age.</param>
    public void Plan(List<SequenceState> running, List<SequenceState> waiting, int freeBlocks, StepPlan plan)
    {
        plan.Clear();
        (_freeBlocks, _rowsLeft, _echoRowsLeft, _decodes) = (freeBlocks, limits.StepTokens, limits.EchoRows, 0);
        PlanDecodes(running, plan);
        _decodes = plan.RowCount;
        PlanPrefills(running, plan);
        if (plan.Preempt.Count == 0) PlanAdmissions(running, waiting, plan);
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
            AddRows(sequence, sequence.Computed, plan);
        }
        PlanReservedDecodes(running, last + 1, plan);
    }

    // Reserved sequences newer than the last victim have all their blocks and lose no turn.
    private void PlanReservedDecodes(List<SequenceState> running, int from, StepPlan plan)
    {
        for (var index = from; index < running.Count; index++)
        {
            if (running[index] is { Reserved: true, Gap: 1 } sequence) AddRows(sequence, sequence.Computed, plan);
        }
    }

    private void PlanPrefills(List<SequenceState> running, StepPlan plan)
    {
        foreach (var sequence in running)
        {
            if (_rowsLeft == 0) return;
            if (sequence.Gap > 1 && !plan.Preempt.Contains(sequence)) AddRows(sequence, sequence.Computed, plan);
        }
    }

    private void PlanAdmissions(List<SequenceState> running, List<SequenceState> waiting, StepPlan plan)
    {
        var passedOver = -1; // choices of one request stand side by side: one look is enough for all
        foreach (var sequence in waiting)
        {
            if (_rowsLeft == 0 || running.Count + plan.Admit.Count == limits.MaxSequences) return;
            if (sequence.Group == passedOver) continue;
            var sibling = FindSibling(running, plan, sequence, out var promptDone);
            if (sibling is not null && !promptDone)
            {
                passedOver = sequence.Group;
                continue;
            }

            // The last prompt token is always computed, because its logits are needed.
            var shared = sibling is null ? 0 : (sequence.PromptLength - 1) / limits.BlockSize;
            if (sequence.PromptLogitsFrom <= shared * limits.BlockSize && _echoRowsLeft == 0) return;
            if (RowsInTime(shared * limits.BlockSize, 1, plan) == 0) return;
            var reserve = sequence.Preemptions >= limits.MaxPreemptions;
            var blocks = limits.BlocksFor(reserve ? sequence.MaxTokenCount : sequence.TokenCount);
            if (blocks - shared > _freeBlocks) return;
            _freeBlocks -= blocks - shared;
            plan.Admit.Add(new(sequence, blocks, reserve, shared > 0 ? sibling : null, shared));
            AddRows(sequence, shared * limits.BlockSize, plan);
        }
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
        var count = RowsInTime(first, Math.Min(sequence.TokenCount - first, _rowsLeft), plan);
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

    /// <summary>How many of the rows the step has time for beside its decodes.</summary>
    private int RowsInTime(int first, int count, StepPlan plan)
    {
        if (_decodes == 0 || limits.StepMicroseconds == 0 || cost is null) return count;
        var least = Math.Max(StepLimits.LeastPrefill - (plan.RowCount - _decodes), 0);
        if (count <= least) return count;
        var most = Math.Min(count, Math.Max((StepLimits.Growth * cost.KnownRows) - plan.RowCount, least));
        var fits = least;
        while (fits < most) // the estimate rises with the rows
        {
            var middle = (fits + most + 1) / 2;
            if (cost.Predict(plan.Work.Plus(first, middle, 1)) <= limits.StepMicroseconds) fits = middle;
            else most = middle - 1;
        }
        // Where it cuts, no tile of the matrix kernels is left half empty.
        return fits == count ? count : Math.Max(fits - ((plan.RowCount + fits) % StepLimits.TileRows), least);
    }
}
