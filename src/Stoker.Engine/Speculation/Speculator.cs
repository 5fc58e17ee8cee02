using Stoker.Engine.Scheduling;

namespace Stoker.Engine.Speculation;

/// <summary>Has the next step's drafts made: says which sequences get how many, and sees to their blocks.</summary>
/// <remarks>
/// What a drafter throws ends no request: its drafts are dropped, and after <see cref="MostFaults"/> steps in a row it is left alone.
/// </remarks>
internal sealed class Speculator(Scheduler scheduler, IDrafter drafter, int draftTokens, int vocabularySize, EngineCounters counters)
{
    /// <summary>A fault that comes back each time costs time and tells nothing new.</summary>
    public const int MostFaults = 3;

    private readonly List<Sequence> _asked = new(scheduler.Limits.MaxSequences);
    private int _faults; // steps with one in a row
    private bool _failed; // in this step

    /// <summary>Before the step is planned: whoever lacks its last token alone may get drafts.</summary>
    public void Propose()
    {
        _failed = false;
        Allow();
        if (_asked.Count == 0) return;
        try
        {
            drafter.Propose(_asked);
            foreach (var sequence in _asked) sequence.Drafts.KeepTokens(vocabularySize);
        }
        catch (Exception)
        {
            Fault();
        }
    }

    /// <summary>After verification: what was lent and not used goes back, and the drafter hears what was computed.</summary>
    public void Settle(StepPlan plan)
    {
        var asked = _asked.Count > 0;
        Return();
        if (_faults >= MostFaults) return;
        Tell(plan);
        if (asked && !_failed) _faults = 0;
    }

    private void Return()
    {
        foreach (var sequence in _asked)
        {
            if (sequence.IsGone) continue;
            sequence.Drafts.Clear();
            scheduler.ReturnLent(sequence);
        }
        _asked.Clear();
    }

    private void Allow()
    {
        Return(); // of a step that came to nothing
        if (_faults >= MostFaults) return;
        var (spare, decodes) = (scheduler.BlocksForDrafts(), scheduler.CountDecodes());
        var rows = scheduler.Limits.DraftRowsBeside(decodes);
        var running = scheduler.Running;
        for (var index = 0; index < running.Count && rows > 0; index++)
        {
            if (running[index] is not Sequence { Gap: 1, PromptLogitsFrom: int.MaxValue } sequence) continue;
            var wanted = Math.Min(Math.Min(draftTokens, rows), sequence.MaxTokenCount - sequence.TokenCount - 1); // the last token needs none
            var allowed = wanted > 0 ? scheduler.Lend(sequence, wanted, ref spare) : 0;
            if (allowed == 0) continue;
            rows -= allowed;
            (sequence.Drafts.Allowed, sequence.Drafts.Kind) = (allowed, drafter.Kind);
            _asked.Add(sequence);
        }
    }

    private void Tell(StepPlan plan)
    {
        try
        {
            for (var index = 0; index < plan.Rows.Count; index++)
            {
                var rows = plan.Rows[index];
                if (rows.Sequence is Sequence { IsGone: false } sequence) drafter.Computed(rows, sequence.Computed - rows.FirstPosition);
            }
        }
        catch (Exception)
        {
            Fault();
        }
    }

    private void Fault()
    {
        if (!_failed) _faults++;
        _failed = true;
        counters.DrafterFailed();
        foreach (var sequence in _asked)
        {
            if (!sequence.IsGone) sequence.Drafts.Clear();
        }
    }
}
