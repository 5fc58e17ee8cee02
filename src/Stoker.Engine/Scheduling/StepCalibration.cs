using Stoker.Engine.KvCache;
using Stoker.Engine.Models;
using Stoker.Engine.Speculation;

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
internal sealed class StepCalibration(Scheduler scheduler, StepCost cost, ILanguageModel model, Speculator? speculator = null)
{
    /// <summary>For all sizes of a kind together: a request that comes at the wrong moment waits no longer.</summary>
    public const double BudgetMicroseconds = 100_000;

    private static readonly int[] RowCounts = [4, 16, 64];

    // Twice each: the first of a size may find cold pages. Those of one sequence with up to so many drafts, then a drafter's.
    private static readonly int[] VerifiedCounts = [1, 1, 2, 2, 3, 3, 5, 5, 9, 9];
    private static readonly int[] DraftedCounts = [1, 1, 2, 2, 4, 4];
    private double _left = BudgetMicroseconds, _leftOfSpeculation = BudgetMicroseconds;
    private int _next, _nextVerified, _nextDrafted;

    /// <summary>One step. False when there is nothing more to learn, or nothing yet.</summary>
    public bool Step(StepBatch batch, KvStore kv, float[] logits, TimeProvider time)
    {
        if (!scheduler.Limits.IsTimed || cost.KnownRows == 0) return false;
        if (_next < RowCounts.Length)
        {
            return Compute(RowCounts[_next++], LogitRows.Last, ref _left, batch, kv, logits, time);
        }
        if (speculator is null) return false;
        if (_nextVerified < VerifiedCounts.Length)
        {
            return Compute(VerifiedCounts[_nextVerified++], LogitRows.All, ref _leftOfSpeculation, batch, kv, logits, time);
        }
        return _nextDrafted < DraftedCounts.Length && Draft(DraftedCounts[_nextDrafted++], time);
    }

    private bool Compute(int rows, LogitRows logitRows, ref double left, StepBatch batch, KvStore kv, float[] logits, TimeProvider time)
    {
        var values = logitRows == LogitRows.All ? rows : 1;
        var work = default(StepWork).Plus(0, rows, values);
        if (cost.Predict(work) > left || rows > model.Shape.ContextLength || rows > batch.MaxRows || values > scheduler.Limits.LogitRows) return false;
        var elapsed = 0.0;
        var done = WithTable(rows, table =>
        {
            var start = time.GetTimestamp();
            batch.Clear();
            batch.Add(new int[rows], 0, table.Array, logitRows);
            model.Forward(batch, kv, logits.AsSpan(0, values * model.Shape.VocabularySize));
            elapsed = time.GetElapsedTime(start).TotalMicroseconds;
            cost.Observe(work, elapsed);
            if (logitRows == LogitRows.All) speculator!.Observe(rows, elapsed);
            return true;
        });
        left -= elapsed;
        return done;
    }

    private bool Draft(int rows, TimeProvider time)
    {
        if (_leftOfSpeculation <= 0) return false;
        var start = time.GetTimestamp();
        var done = WithTable(rows, table => speculator!.Calibrate(table, rows));
        _leftOfSpeculation -= time.GetElapsedTime(start).TotalMicroseconds;
        return done;
    }

    private bool WithTable(int rows, Func<BlockTable, bool> run)
    {
        var blocks = scheduler.Limits.BlocksFor(rows);
        if (blocks > scheduler.Pool.FreeCount) return false;
        var table = new BlockTable(scheduler.Pool, blocks);
        try
        {
            table.GrowTo(blocks);
            return run(table);
        }
        catch (Exception)
        {
            // A request would be told; here nobody asked.
            (_next, _nextVerified, _nextDrafted) = (RowCounts.Length, VerifiedCounts.Length, DraftedCounts.Length);
            return false;
        }
        finally
        {
            table.Free();
        }
    }
}
