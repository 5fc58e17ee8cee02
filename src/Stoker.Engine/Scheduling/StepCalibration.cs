using Stoker.Engine.KvCache;
using Stoker.Engine.Models;

namespace Stoker.Engine.Scheduling;

/// <summary>
/// A few steps on made-up rows, to learn what rows cost before the first prompt has to share a step with streams.
/// </summary>
/// <remarks>
/// Only while nothing is there to serve, and only after a first request: the first token of a new engine waits for
/// nothing, and a step that pages the weights in teaches nothing. Each size runs once, if its estimate fits what is left
/// of <see cref="BudgetMicroseconds"/>: a request that comes meanwhile waits for that step at most. What does not fit is
/// learned from real steps.
/// </remarks>
internal sealed class StepCalibration(Scheduler scheduler, StepCost cost, ILanguageModel model)
{
    /// <summary>For all sizes together: a request that comes at the wrong moment waits no longer.</summary>
    public const double BudgetMicroseconds = 100_000;

    private static readonly int[] RowCounts = [4, 16, 64];

    private double _left = BudgetMicroseconds;
    private int _next;

    /// <summary>One step. False when there is nothing more to learn, or nothing yet.</summary>
    public bool Step(StepBatch batch, KvStore kv, float[] logits, TimeProvider time)
    {
        if (!scheduler.Limits.IsTimed || cost.KnownRows == 0 || _next == RowCounts.Length) return false;
        var rows = RowCounts[_next++];
        var work = default(StepWork).Plus(0, rows, 1);
        if (cost.Predict(work) > _left) return false;
        var elapsed = MadeUpStep.Run(scheduler, model, rows, LogitRows.Last, batch, kv, logits, time);
        if (double.IsNaN(elapsed)) _next = RowCounts.Length;
        cost.Observe(work, elapsed);
        _left -= elapsed;
        return elapsed > 0;
    }
}
