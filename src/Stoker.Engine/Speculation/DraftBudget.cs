namespace Stoker.Engine.Speculation;

/// <summary>Decides how many drafts each sequence of a step gets: as many as let the most tokens come in the time.</summary>
/// <remarks>
/// A step of n decodes gives n tokens in V(n). With drafts it gives n + the sum of their chances, in V(n + drafts) + the passes
/// of the drafter and what else proposing takes. Drafts are added in the order of their chances, and what counts is the best that was met on the way: costs go
/// in jumps, so one row more may not pay where four do. None at all is among what is met: speculation may always choose zero.
/// </remarks>
internal static class DraftBudget
{
    private const double LeastGain = 1.0 / 64; // no row is as cheap as that
    private const double Noise = 0.04; // what only looks better within the noise of measuring is not
    private const double Spread = 0.25; // sequences that go on unequally end one by one, and the last ones share a step with fewer
    private const double LeastChance = 0.25;
    private const double Hopeless = 0.6; // of the best rate: what follows gains less than what led here

    /// <param name="decodes">Sequences in the step, those that get no drafts too.</param>
    /// <param name="rows">Drafts in all at most.</param>
    /// <returns>Drafts given.</returns>
    public static int Decide(Span<DraftCandidate> candidates, int decodes, int rows, DraftCosts costs)
    {
        Span<int> passes = stackalloc int[SequenceDrafts.Most]; // sequences by pass
        passes.Clear();
        var (tokens, proposing, given, best) = ((double)decodes, 0.0, 0, 0);
        var bestRate = tokens / costs.Plain(decodes) * (1 + Noise + (Spread * (1 - (1 / Math.Sqrt(decodes)))));
        Begin(candidates);
        while (given < rows && candidates.Length > 0 && TakeBest(candidates, out var taken))
        {
            given++;
            tokens += taken.Gain;
            proposing += costs.OneMore(taken, passes);
            var rate = tokens / (costs.Of(decodes + given) + proposing);
            if (rate > bestRate) (bestRate, best) = (rate, given);
            else if (rate < bestRate * Hopeless) break;
        }
        Begin(candidates);
        for (given = 0; given < best; given++) TakeBest(candidates, out _);
        return best;
    }

    /// <summary>Drafts that would be good were rows cheap: one in any case, and more as long as they are likely accepted.</summary>
    public static int Good(in DraftCandidate candidate)
    {
        var (drafts, chance) = (1, candidate.Acceptance * candidate.Acceptance);
        for (; drafts < candidate.Most && chance >= LeastChance; chance *= candidate.Acceptance) drafts++;
        return drafts;
    }

    private static void Begin(Span<DraftCandidate> candidates)
    {
        foreach (ref var candidate in candidates) (candidate.Drafts, candidate.Gain) = (0, candidate.Most > 0 ? candidate.Acceptance : 0);
    }

    /// <summary>One draft more for the sequence that gains most by it.</summary>
    /// <param name="taken">As it was before.</param>
    private static bool TakeBest(Span<DraftCandidate> candidates, out DraftCandidate taken)
    {
        var best = 0;
        for (var index = 1; index < candidates.Length; index++)
        {
            if (candidates[index].Gain * candidates[index].Weight > candidates[best].Gain * candidates[best].Weight) best = index;
        }
        ref var candidate = ref candidates[best];
        taken = candidate;
        if (candidate.Gain < LeastGain) return false;
        candidate.Gain = ++candidate.Drafts < candidate.Most ? candidate.Gain * candidate.Acceptance : 0;
        return true;
    }
}
