using Stoker.Engine.Speculation;

namespace Stoker.Engine.Tests.Speculation;

/// <summary>What passes cost in a simulated engine, in microseconds.</summary>
/// <param name="Turn">A turn of one row.</param>
/// <param name="Row">Each further row, of that.</param>
/// <param name="Tile">Each eighth row, of that.</param>
/// <param name="Pass">A pass of the drafter over one row, of that; 0: it has none.</param>
/// <param name="PassRow">Each further row of a pass, of a pass.</param>
/// <param name="Asking">What it takes to ask for drafts beside the passes, of a turn.</param>
/// <param name="Second">The second row beside <paramref name="Row"/>, of a turn: one row has kernels of its own.</param>
internal sealed record SimulatedCosts(double Turn, double Row, double Tile, double Pass, double PassRow = 0.1, double Asking = 0.002, double Second = 0)
{
    public double Verify(int rows) => Turn * (1 + (Row * (rows - 1)) + (Tile * ((rows - 1) / 8)) + (rows > 1 ? Second : 0));

    public double PassOf(int rows) => Turn * Pass * (1 + (PassRow * (rows - 1)));
}

/// <summary>
/// A loop without an engine: <see cref="AdaptiveDrafts"/> decides, time is what <see cref="SimulatedCosts"/> says, more or less, and drafts are accepted
/// by chance. A drafter with passes must have seen all tokens of a sequence before its first draft.
/// </summary>
internal sealed class SimulatedLoop
{
    private const double Noise = 0.05; // measured times are off by up to so much
    private const double LostSlice = 20; // times what a turn takes

    private readonly SimulatedCosts _costs;
    private readonly RowCost? _pass;
    private readonly AdaptiveDrafts _adaptive;
    private readonly Random _random;
    private readonly int _draftTokens;
    private readonly double _lost;
    private readonly HashSet<int> _warm = [];
    private AcceptanceEstimate _mean = new(0.6, 1.0 / 256);

    /// <param name="calibrated">Costs were measured at the start.</param>
    /// <param name="lost">How often a turn is measured while the machine does something else. The first turn of each size always is.</param>
    public SimulatedLoop(SimulatedCosts costs, int seed, int draftTokens = 4, int prompt = 16, bool calibrated = true, double lost = 0)
    {
        (_costs, _random, _draftTokens, Prompt, _lost) = (costs, new(seed), draftTokens, prompt, lost);
        _pass = costs.Pass > 0 ? new() : null;
        _adaptive = new(_pass);
        if (!calibrated) return;
        Calibrate(1, 1 + draftTokens, 2, 3, 9);
        foreach (var rows in new[] { 1, 2, 4, 16 }) _pass?.Calibrate(rows, Measured(costs.PassOf(rows)));
    }

    /// <summary>Tokens that a drafter with passes must catch up with.</summary>
    public int Prompt { get; set; }

    /// <summary>Of all turns so far.</summary>
    public double Microseconds { get; private set; }

    /// <summary>What their tokens would have taken without drafts.</summary>
    public double WithoutDrafts { get; private set; }

    public double Ratio => Microseconds / WithoutDrafts;

    public int Drafted { get; private set; }

    /// <summary>Idle passes.</summary>
    public void Calibrate(params ReadOnlySpan<int> sizes)
    {
        foreach (var rows in sizes) _adaptive.Costs.Verify.Calibrate(rows, Measured(_costs.Verify(rows)));
    }

    /// <summary>Serves so many sequences together, until each has its tokens.</summary>
    /// <param name="acceptance">By sequence and token.</param>
    /// <param name="refill">A sequence that ends makes place for another one, until all tokens of all are there: batches stay full.</param>
    public SimulatedLoop Serve(int batch, int tokens, Func<int, int, double> acceptance, bool refill = false)
    {
        var running = Enumerable.Range(0, batch).Select(index => new Simulated(index, tokens, Prompt)).ToList();
        var left = batch * tokens;
        WithoutDrafts += tokens * _costs.Verify(batch);
        while (left > 0)
        {
            var accepted = Turn(running, acceptance);
            left -= running.Count + accepted;
            for (var index = running.Count - 1; index >= 0; index--)
            {
                if (running[index].Left > 0) continue;
                if (refill) running[index] = new(running[index].Index, tokens, Prompt);
                else running.RemoveAt(index);
            }
        }

        return this;
    }

    private int Turn(List<Simulated> running, Func<int, int, double> acceptance)
    {
        var candidates = new DraftCandidate[running.Count];
        for (var index = 0; index < candidates.Length; index++) candidates[index] = Candidate(running[index]);
        _adaptive.Allot(candidates, running.Select(sequence => sequence.Drafts).ToArray(), running.Count, 64);
        var (proposing, parts) = (Propose(running, candidates), new TurnPart[running.Count]);
        for (var index = 0; index < candidates.Length; index++) parts[index] = Verify(running[index], candidates[index].Drafts, acceptance);
        var drafts = candidates.Sum(candidate => candidate.Drafts);
        var (rows, accepted, asked) = (running.Count + drafts, parts.Sum(part => part.Accepted), candidates.Count(candidate => candidate.Drafts > 0));
        var turn = proposing + Measured(_costs.Verify(rows));
        var more = _lost > 0 && (_warm.Add(rows) || _random.NextDouble() < _lost) ? (LostSlice - 1) * _costs.Verify(rows) : 0;
        _adaptive.Observe(parts, new(turn + more, proposing, rows, running.Count, asked, drafts, accepted, IsPure: true));
        Microseconds += turn;
        Drafted += drafts;
        return accepted;
    }

    private DraftCandidate Candidate(Simulated sequence)
    {
        var state = sequence.Drafts.Own;
        state.Begin(Math.Max(_mean.Value, 0.3));
        return new(state.Acceptance, Math.Min(_draftTokens, sequence.Left - 1), _costs.Pass > 0)
        {
            Weight = state.Weight,
            CatchUp = _costs.Pass > 0 ? Math.Max(sequence.Unseen - 2, 0) : 0,
        };
    }

    private double Propose(List<Simulated> running, DraftCandidate[] candidates)
    {
        var time = 0.0;
        for (var place = 0; place < SequenceDrafts.Most; place++)
        {
            var (sequences, rows) = (0, 0);
            for (var index = 0; index < candidates.Length; index++)
            {
                if (candidates[index].Drafts <= place) continue;
                sequences++;
                rows += place == 0 ? running[index].Unseen : 1;
                if (place == 0) running[index].Unseen = 0;
            }

            if (place == 0) time += sequences * _costs.Asking * _costs.Turn;
            if (sequences == 0 || _pass is null) break;
            var pass = Measured(_costs.PassOf(rows));
            _pass.Observe(rows, pass);
            time += pass;
        }

        return time;
    }

    private TurnPart Verify(Simulated sequence, int drafts, Func<int, int, double> acceptance)
    {
        var accepted = 0;
        while (accepted < drafts && _random.NextDouble() < acceptance(sequence.Index, sequence.Done + accepted)) accepted++;
        if (drafts > 0)
        {
            sequence.Drafts.Own.Verified(drafts, accepted);
            _mean.Observe(drafts, accepted);
        }

        sequence.Done += 1 + accepted;
        sequence.Left -= 1 + accepted;
        sequence.Unseen += drafts > 0 ? Math.Max(1 + accepted - (drafts - 1), 1) : 1;
        return new(sequence.Drafts, 1 + drafts, drafts, accepted, drafts > 0);
    }

    private double Measured(double microseconds) => microseconds * (1 + (Noise * ((2 * _random.NextDouble()) - 1)));

    private sealed class Simulated(int index, int tokens, int prompt)
    {
        public int Index => index;

        public SequenceDrafts Drafts { get; } = new();

        public int Left { get; set; } = tokens;

        public int Done { get; set; }

        /// <summary>Tokens that the drafter has not computed.</summary>
        public int Unseen { get; set; } = prompt + 1;
    }
}
