namespace Stoker.Engine.Speculation;

// How many drafts each sequence gets.
internal sealed partial class Speculator
{
    private const double MeanRate = 1.0 / 256; // over many answers
    private const double Hope = 0.3; // what was hard for others may be easy for the next

    private void Allot()
    {
        var candidates = _candidates.AsSpan(0, _able.Count);
        var decodes = _scheduler.CountDecodes();
        var rows = _scheduler.Limits.DraftRowsBeside(decodes);
        if (_options.Adaptive) _adaptive.Allot(candidates, _owners.AsSpan(0, _able.Count), decodes, rows);
        else GiveAll(candidates, rows);
    }

    /// <summary>To each as many as it can have; where rows do not suffice, the first draft of all before the second of any.</summary>
    private static void GiveAll(Span<DraftCandidate> candidates, int rows)
    {
        foreach (ref var candidate in candidates) candidate.Drafts = 0;
        for (var place = 0; place < SequenceDrafts.Most; place++)
        {
            foreach (ref var candidate in candidates)
            {
                if (candidate.Most <= place || rows == 0) continue;
                candidate.Drafts++;
                rows--;
            }
        }
    }

    private ref AcceptanceEstimate Mean(DraftKind kind) => ref kind == DraftKind.Prediction ? ref _meanPredicted : ref _meanOwn;
}
