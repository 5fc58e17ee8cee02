namespace Stoker.Engine.Speculation;

/// <summary>A sequence that may get drafts, and then how many.</summary>
/// <param name="Acceptance">Of a draft whose predecessors were all accepted.</param>
/// <param name="Most">Drafts that it can have.</param>
/// <param name="HasPasses">Each draft takes a pass of a drafter; else drafts cost their rows alone.</param>
internal record struct DraftCandidate(double Acceptance, int Most, bool HasPasses)
{
    public int Drafts { get; set; }

    /// <summary>The chance that one more draft becomes a token.</summary>
    public double Gain { get; set; }

    /// <summary>
    /// Of the chance, when it is compared with others': lower for a sequence that had drafts lately. Where not all can have some they
    /// then come to each in turn, and none of like sequences falls behind because of an estimate that is off a little.
    /// </summary>
    public double Weight { get; init; } = 1;
}

/// <summary>Decides how many drafts each sequence of a step gets: as many as let the most tokens come in the time.</summary>
/// <remarks>
/// A step of n decodes gives n tokens in V(n). With drafts it gives n + the sum of their chances, in V(n + drafts) + the passes
/// of the drafter. Drafts are added in the order of their chances, and what counts is the best that was met on the way: costs go
/// in jumps, so one row more may not pay where four do. None at all is among what is met: speculation may always choose zero.
/// </remarks>
internal static class DraftBudget
{
    private const double LeastGain = 1.0 / 64; // no row is as cheap as that
    private const double Noise = 0.02; // what only looks better within the noise of measuring is not
    private const double Spread = 0.15; // sequences that go on unequally end one by one, and the last ones share a step with fewer
    private const double ProbedChance = 0.25;
    private const double Hopeless = 0.6; // of the best rate: what follows gains less than what led here

    /// <param name="decodes">Sequences in the step, those that get no drafts too.</param>
    /// <param name="rows">Drafts in all at most.</param>
    /// <param name="verify">Costs of a step by its rows.</param>
    /// <param name="pass">Costs of a drafter's pass by its sequences; null: there is none.</param>
    public static void Decide(Span<DraftCandidate> candidates, int decodes, int rows, RowCost verify, RowCost? pass)
    {
        Span<int> passes = stackalloc int[SequenceDrafts.Most]; // sequences by pass
        passes.Clear();
        var (tokens, passTime, given, best) = ((double)decodes, 0.0, 0, 0);
        var bestRate = tokens / verify.Of(decodes) * (1 + Noise + (Spread * (decodes - 1) / decodes));
        Begin(candidates);
        while (given < rows && candidates.Length > 0 && TakeBest(candidates, out var taken))
        {
            given++;
            tokens += taken.Gain;
            if (taken.HasPasses && pass is not null) passTime += OneMore(ref passes[taken.Drafts], pass);
            var rate = tokens / (verify.Of(decodes + given) + passTime);
            if (rate > bestRate) (bestRate, best) = (rate, given);
            else if (rate < bestRate * Hopeless) break;
        }
        Begin(candidates);
        while (best-- > 0) TakeBest(candidates, out _);
    }

    /// <summary>
    /// Drafts to see whether they pay after all: one, and more where it is not they that are bad but what they were measured to cost.
    /// </summary>
    public static int Probe(in DraftCandidate candidate)
    {
        var (drafts, chance) = (1, candidate.Acceptance * candidate.Acceptance);
        for (; drafts < candidate.Most && chance >= ProbedChance; chance *= candidate.Acceptance) drafts++;
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

    /// <returns>What the pass takes longer, microseconds.</returns>
    private static double OneMore(ref int sequences, RowCost pass)
    {
        var before = sequences == 0 ? 0 : pass.Of(sequences);
        return pass.Of(++sequences) - before;
    }
}
