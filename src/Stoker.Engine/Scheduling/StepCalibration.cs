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
        if (scheduler.Limits.StepMicroseconds == 0 || cost.KnownRows == 0 || _next == RowCounts.Length) return false;
        var rows = RowCounts[_next++];
        var work = default(StepWork).Plus(0, rows, 1);
        var blocks = scheduler.Limits.BlocksFor(rows);
        if (cost.Predict(work) > _left || rows > model.Shape.ContextLength || rows > batch.MaxRows || blocks > scheduler.Pool.FreeCount) return false;
        var table = new BlockTable(scheduler.Pool, blocks);
        try
        {
            table.GrowTo(blocks);
            var start = time.GetTimestamp();
            batch.Clear();
            batch.Add(new int[rows], 0, table.Array, LogitRows.Last);
            model.Forward(batch, kv, logits.AsSpan(0, model.Shape.VocabularySize));
            var elapsed = time.GetElapsedTime(start).TotalMicroseconds;
            cost.Observe(work, elapsed);
            _left -= elapsed;
            return true;
        }
        catch (Exception)
        {
            _next = RowCounts.Length; // a request would be told; here nobody asked
            return false;
        }
        finally
        {
            table.Free();
        }
    }
}
