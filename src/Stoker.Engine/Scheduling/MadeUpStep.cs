using Stoker.Engine.KvCache;
using Stoker.Engine.Models;

namespace Stoker.Engine.Scheduling;

/// <summary>A step on made-up rows, to see what it takes; of blocks that nobody uses.</summary>
internal static class MadeUpStep
{
    /// <returns>Microseconds; 0 where there is no room for so many rows, not a number where it failed.</returns>
    public static double Run(
        Scheduler scheduler, ILanguageModel model, int rows, LogitRows wanted, StepBatch batch, KvStore kv, float[] logits, TimeProvider time)
    {
        var values = wanted == LogitRows.All ? rows : 1;
        if (rows > model.Shape.ContextLength || rows > batch.MaxRows || values > scheduler.Limits.LogitRows) return 0;
        return Run(scheduler, rows, time, table =>
        {
            batch.Clear();
            batch.Add(new int[rows], 0, table.Array, wanted);
            model.Forward(batch, kv, logits.AsSpan(0, values * model.Shape.VocabularySize));
            return true;
        });
    }

    /// <param name="run">False: there is nothing to see.</param>
    public static double Run(Scheduler scheduler, int rows, TimeProvider time, Func<BlockTable, bool> run)
    {
        var blocks = scheduler.Limits.BlocksFor(rows);
        if (blocks > scheduler.Pool.FreeCount) return 0;
        var table = new BlockTable(scheduler.Pool, blocks);
        try
        {
            table.GrowTo(blocks);
            var start = time.GetTimestamp();
            return run(table) ? time.GetElapsedTime(start).TotalMicroseconds : 0;
        }
        catch (Exception)
        {
            return double.NaN; // a request would be told; here nobody asked
        }
        finally
        {
            table.Free();
        }
    }
}
