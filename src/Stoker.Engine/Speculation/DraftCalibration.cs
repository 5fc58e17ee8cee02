using Stoker.Engine.KvCache;
using Stoker.Engine.Models;
using Stoker.Engine.Scheduling;

namespace Stoker.Engine.Speculation;

/// <summary>Learns what verifying and drafting cost from a few made-up passes, so that the first sequence need not find out.</summary>
/// <remarks>
/// With a drafter as soon as the engine is up, which delays nothing: each pass is a moment without work, and a request that comes meanwhile waits for the one in
/// progress. Once more when <see cref="WarmTurns"/> turns were served, when code is compiled for speed; what real turns have told is not overwritten. Each round ends
/// when the next pass would not fit <see cref="BudgetMicroseconds"/>: the most telling sizes come first.
/// </remarks>
internal sealed class DraftCalibration(Scheduler scheduler, Speculator speculator, ILanguageModel model, int draftTokens)
{
    /// <summary>Of a round: some milliseconds for a small model, and of a large one a few passes.</summary>
    public const double BudgetMicroseconds = 200_000;

    public const int WarmTurns = 256;

    private const int Rounds = 2, Runs = 2; // the first of a size may find cold pages

    private readonly int[] _verified = [1, 1 + Math.Max(draftTokens, 1), 2, 3, 9];
    private readonly int[] _drafted = [1, 2, 16, 4];
    private double _left = BudgetMicroseconds;
    private double _beside; // what a real turn takes beside its pass
    private int _round, _next;

    /// <summary>One pass. False when there is nothing more to learn, or nothing yet.</summary>
    public bool Step(StepBatch batch, KvStore kv, float[] logits, TimeProvider time)
    {
        while (IsDue())
        {
            var index = _next++ / Runs;
            var elapsed = index < _verified.Length ? Verify(_verified[index], batch, kv, logits, time) : Draft(_drafted[index - _verified.Length], time);
            _left -= elapsed;
            if (double.IsNaN(elapsed)) _round = Rounds;
            else if (_left < elapsed || _next == Runs * (_verified.Length + _drafted.Length)) (_round, _next, _left) = (_round + 1, 0, BudgetMicroseconds);
            if (elapsed > 0) return true;
        }

        return false;
    }

    private bool IsDue() => speculator.IsAdaptive && _round < Rounds && speculator.Turns >= (_round, speculator.HasDrafter) switch
    {
        (0, true) => 0,
        (0, false) => 1,
        _ => WarmTurns,
    };

    private double Verify(int rows, StepBatch batch, KvStore kv, float[] logits, TimeProvider time)
    {
        var elapsed = MadeUpStep.Run(scheduler, model, rows, LogitRows.All, batch, kv, logits, time);
        var costs = speculator.Costs.Verify;
        costs.Calibrate(rows, elapsed + _beside);
        if (rows == 1) _beside = Math.Max(costs.Of(1) - elapsed, 0);
        return elapsed;
    }

    private double Draft(int rows, TimeProvider time) => MadeUpStep.Run(scheduler, rows, time, table => speculator.Calibrate(table, rows));
}
