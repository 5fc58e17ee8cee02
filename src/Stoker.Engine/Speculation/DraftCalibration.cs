using Stoker.Engine.KvCache;
using Stoker.Engine.Models;
using Stoker.Engine.Scheduling;

namespace Stoker.Engine.Speculation;

/// <summary>Learns what verifying and drafting cost from a few made-up passes, so that the first sequence need not find out.</summary>
/// <remarks>
/// With a drafter as soon as the engine is up, which delays nothing: each pass is a moment without work, and a request that comes meanwhile waits for the one in
/// progress. What long drafts cost, which are those of predictions, is of no use before the first of them was asked for: an engine without a drafter learns nothing
/// until then. Again when <see cref="WarmTurns"/> turns were served, when code is compiled for speed, and then each time four times as many: one bad moment is not to
/// count for good. What real turns have told lately is not overwritten. A round goes over all sizes several times, the most telling ones first, and ends
/// when the next pass would not fit <see cref="BudgetMicroseconds"/>.
/// </remarks>
internal sealed class DraftCalibration(Scheduler scheduler, Speculator speculator, ILanguageModel model, int draftTokens)
{
    /// <summary>Of a round: some milliseconds for a small model, and of a large one a few passes.</summary>
    public const double BudgetMicroseconds = 200_000;

    public const int WarmTurns = 256;

    private const int Sweeps = 6; // the first may find cold pages, and each may meet a bad moment: the quickest of a size counts
    private const int Growth = 4;

    // Rows of the target, and below 0 of the drafter.
    private static readonly int[] OfPredictions = [1, 8, 16, 2, 9, 3, 5]; // from one tile of eight rows to the next cost jumps
    private readonly int[] _ofDrafter = [1, 1 + Math.Max(draftTokens, 1), -1, 2, -2, -16, 3, 9, -4];
    private int[] _sizes = []; // of the round
    private bool _predicts;
    private double _left = BudgetMicroseconds;
    private double _beside; // what a real turn takes beside its pass
    private long _dueAt; // turns
    private int _next;

    /// <summary>One pass. False when there is nothing more to learn, or nothing yet.</summary>
    public bool Step(StepBatch batch, KvStore kv, float[] logits, TimeProvider time)
    {
        if (_sizes.Length == 0 || speculator.Predicts != _predicts) BeginRound(dueAt: 0);
        while (IsDue())
        {
            var size = _sizes[_next++ % _sizes.Length];
            var elapsed = size > 0 ? Verify(size, batch, kv, logits, time) : Draft(-size, time);
            _left -= elapsed;
            if (double.IsNaN(elapsed)) _dueAt = long.MaxValue;
            else if (_left < elapsed || _next == Sweeps * _sizes.Length) BeginRound(Math.Max(WarmTurns, Growth * speculator.Turns));
            if (elapsed > 0) return true;
        }

        return false;
    }

    private bool IsDue() => speculator.IsAdaptive && speculator.Turns >= _dueAt && (speculator.HasDrafter || _predicts);

    private void BeginRound(long dueAt)
    {
        (_dueAt, _next, _left, _predicts) = (dueAt, 0, BudgetMicroseconds, speculator.Predicts);
        _sizes = !_predicts ? _ofDrafter : speculator.HasDrafter ? [.. _ofDrafter, .. OfPredictions.Except(_ofDrafter)] : OfPredictions;
    }

    private double Verify(int rows, StepBatch batch, KvStore kv, float[] logits, TimeProvider time)
    {
        var costs = speculator.Costs.Verify;
        if (rows > 1 && costs.SawLately(rows)) return 0;
        var elapsed = MadeUpStep.Run(scheduler, model, rows, LogitRows.All, batch, kv, logits, time);
        if (!(elapsed > 0)) return elapsed;
        if (rows > 1) costs.Calibrate(rows, elapsed + _beside);
        else if (!costs.HasSeen(1)) costs.Calibrate(1, elapsed);
        else _beside = Math.Max(costs.Of(1) - elapsed, 0);
        return elapsed;
    }

    private double Draft(int rows, TimeProvider time) => MadeUpStep.Run(scheduler, rows, time, table => speculator.Calibrate(table, rows));
}
