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
        if (!_options.Adaptive) GiveAll(candidates, rows);
        else if (!_verify.Knows(decodes) || _sincePlain >= PlainEvery) GiveNone(candidates);
        else GiveWhatPays(candidates, decodes, rows);
    }

    /// <summary>To each as many as it can have; where rows do not suffice, the first draft of all before the second of any.</summary>
    private static void GiveAll(Span<DraftCandidate> candidates, int rows)
    {
        GiveNone(candidates);
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

    /// <summary>A step without drafts, to see what it costs.</summary>
    private static void GiveNone(Span<DraftCandidate> candidates)
    {
        foreach (ref var candidate in candidates) candidate.Drafts = 0;
    }

    private void GiveWhatPays(Span<DraftCandidate> candidates, int decodes, int rows)
    {
        DraftBudget.Decide(candidates, decodes, rows, _verify, _drafter?.PassCost);
        foreach (ref readonly var candidate in candidates) rows -= candidate.Drafts;
        for (var index = 0; index < candidates.Length; index++)
        {
            ref var candidate = ref candidates[index];
            if (candidate.Most == 0 || !_able[index].Drafts.State.Decide(candidate.Drafts, decodes) || rows == 0) continue;
            candidate.Drafts = Math.Min(DraftBudget.Probe(candidate), rows);
            rows -= candidate.Drafts;
        }
    }

    private ref AcceptanceEstimate Mean(DraftKind kind) => ref kind == DraftKind.Prediction ? ref _meanPredicted : ref _meanOwn;
}
