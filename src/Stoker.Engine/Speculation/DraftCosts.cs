namespace Stoker.Engine.Speculation;

/// <summary>What drafts cost in microseconds, everything counted: rows that verify them, passes of the drafter, what else it takes to propose.</summary>
/// <param name="pass">By rows; null: drafts take no passes.</param>
/// <param name="verify">Empty, but for a test.</param>
internal sealed class DraftCosts(RowCost? pass, RowCost? verify = null)
{
    private const double Rate = 1.0 / 8, Outlier = 4;
    private const double UnknownPass = 0.25, UnknownRow = 1.0 / 16; // of a turn: a drafter that takes more is soon known
    private const int Horizon = 32; // tokens that a catch-up is for: nobody knows how long an answer gets

    private double _each; // beside the passes, for each sequence that is proposed for

    /// <summary>Whole turns of the loop by their rows, without what proposing took.</summary>
    public RowCost Verify { get; } = verify ?? new();

    /// <summary>A turn without drafts.</summary>
    public double Plain(int decodes) => Verify.Of(decodes);

    /// <summary>A turn of so many rows: never more than as many turns of one row, whatever was measured in a bad moment.</summary>
    public double Of(int rows) => Bounded(Verify.Of(rows), rows);

    /// <summary>What one more draft of a candidate makes proposing longer, in a turn that is one of many.</summary>
    /// <param name="passes">Sequences by pass; counts it.</param>
    public double OneMore(in DraftCandidate candidate, Span<int> passes)
    {
        var first = candidate.Drafts == 0;
        var time = first ? _each : 0;
        if (!candidate.HasPasses || pass is null) return time;
        ref var sequences = ref passes[candidate.Drafts];
        time += pass.Of(sequences + 1) - (sequences == 0 ? 0 : pass.Of(sequences));
        sequences++;
        if (first && candidate.CatchUp > 0) time += (pass.Of(1 + candidate.CatchUp) - pass.Of(1)) / Horizon;
        return time;
    }

    /// <summary>What a turn with these drafts takes longer than without if none is accepted.</summary>
    public double AtWorst(ReadOnlySpan<DraftCandidate> candidates, int decodes)
    {
        var rows = 0;
        foreach (ref readonly var candidate in candidates) rows += candidate.Drafts;
        if (rows == 0) return 0;
        var plain = Plain(decodes);
        return Math.Max(Bounded(Verify.AtMost(decodes + rows), decodes + rows) - plain, 0) + Proposing(candidates, plain);
    }

    /// <summary>What proposing these drafts takes in this very turn.</summary>
    /// <param name="plain">A turn without.</param>
    public double Proposing(ReadOnlySpan<DraftCandidate> candidates, double plain)
    {
        var time = 0.0;
        for (var place = 0; place < SequenceDrafts.Most; place++)
        {
            var (sequences, rows, longest) = (0, 0, 0);
            foreach (ref readonly var candidate in candidates)
            {
                longest = Math.Max(longest, candidate.Drafts);
                if (candidate.Drafts <= place) continue;
                if (place == 0) time += _each;
                if (!candidate.HasPasses) continue;
                sequences++;
                rows += place == 0 ? 1 + candidate.CatchUp : 1;
            }

            if (sequences > 0 && pass is not null) time += pass.Of(rows) is > 0 and var known ? known : plain * Math.Max(UnknownPass, rows * UnknownRow);
            if (longest <= place + 1) break;
        }

        return time;
    }

    /// <summary>Of that, what comes before the usual passes.</summary>
    public double CatchingUp(ReadOnlySpan<DraftCandidate> candidates)
    {
        var (sequences, rows) = (0, 0);
        foreach (ref readonly var candidate in candidates)
        {
            if (candidate is not { Drafts: > 0, HasPasses: true }) continue;
            sequences++;
            rows += candidate.CatchUp;
        }

        return rows == 0 || pass is null ? 0 : pass.Of(sequences + rows) - pass.Of(sequences);
    }

    /// <summary>Proposing for so many sequences took so long, and was expected to take <paramref name="expected"/>.</summary>
    public void Observe(int sequences, double microseconds, double expected)
    {
        var each = Math.Max(_each + ((microseconds - expected) / sequences), 0);
        var most = Math.Max(Outlier * _each, Outlier * expected / sequences);
        _each += ((most > 0 ? Math.Min(each, most) : each) - _each) * Rate;
    }

    private double Bounded(double microseconds, int rows) => Verify.Knows(1) ? Math.Min(microseconds, rows * Verify.Of(1)) : microseconds;
}
