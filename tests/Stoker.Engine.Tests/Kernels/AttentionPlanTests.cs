using FsCheck;
using FsCheck.Fluent;
using Stoker.Engine.Kernels;
using Stoker.Engine.KvCache;
using Stoker.Engine.Models;

namespace Stoker.Engine.Tests.Kernels;

public class AttentionPlanTests
{
    private const int Plenty = 1 << 20;

    [Fact]
    public void Every_query_and_chunk_of_keys_is_in_exactly_one_item() => Prop.ForAll<int>(seed =>
    {
        var random = new Random(seed);
        var (kvHeads, group) = (random.Next(1, 5), random.Next(1, 9));
        var (threads, window) = (random.Next(1, 9), random.Next(2) * random.Next(1, 3000));
        var batch = Batch([.. Enumerable.Range(0, random.Next(1, 6)).Select(_ => (random.Next(5000), random.Next(1, 100)))]);
        var plan = new AttentionPlan(kvHeads * group, kvHeads, 64, threads, batch.MaxRows, random.Next(2) * Plenty);
        plan.Make(batch, window, minimumWork: random.Next(2) * 1_000_000);
        var seen = new Dictionary<(int Row, int Head, int Chunk), int>();
        for (var item = 0; item < plan.Items; item++)
        {
            var (index, head, first, end) = plan.Item(item);
            var run = plan.RunSpan[index];
            (run.Pairs is >= 1 and <= AttentionPlan.MaxRunPairs).ShouldBeTrue();
            for (var pair = run.FirstPair; pair < run.FirstPair + run.Pairs; pair++)
            {
                for (var chunk = first; chunk < end; chunk++)
                {
                    var query = (run.FirstRow + (pair / group), (head * group) + (pair % group), chunk);
                    seen[query] = seen.GetValueOrDefault(query) + 1;
                }
            }
        }

        seen.Values.ShouldAllBe(count => count == 1);
        for (var row = 0; row < batch.RowCount; row++)
        {
            var position = batch.Positions[row];
            for (var chunk = AttentionPlan.FirstSeen(position, window) / 256; chunk <= position / 256; chunk++)
            {
                for (var head = 0; head < kvHeads * group; head++) seen.ContainsKey((row, head, chunk)).ShouldBeTrue($"row {row}, chunk {chunk}");
            }
        }
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void Keys_are_divided_where_queries_are_few_and_there_is_room()
    {
        Parts(threads: 2, kvHeads: 8, position: 8191).ShouldBe(1); // eight heads are enough for two threads
        Parts(threads: 8, kvHeads: 8, position: 8191).ShouldBe(4);
        Parts(threads: 2, kvHeads: 1, position: 8191).ShouldBe(8);
        Parts(threads: 2, kvHeads: 1, position: 600).ShouldBe(3); // it has three chunks
        Parts(threads: 2, kvHeads: 1, position: 100).ShouldBe(1);
        Parts(threads: 1, kvHeads: 1, position: 8191).ShouldBe(1);
        Parts(threads: 2, kvHeads: 1, position: 8191, maxSlots: 32 * 4).ShouldBe(8); // 32 chunks, 4 heads
        Parts(threads: 2, kvHeads: 1, position: 8191, maxSlots: (32 * 4) - 1).ShouldBe(1);
        Parts(threads: 2, kvHeads: 1, position: 8191, minimumWork: long.MaxValue).ShouldBe(1);
        Parts(threads: 2, kvHeads: 1, position: 8191, window: 300).ShouldBe(2);
    }

    [Fact]
    public void Runs_are_long_where_there_are_enough_of_them()
    {
        RunPairs(threads: 2, rows: 256).ShouldBe(64); // 16 runs x 8 heads
        RunPairs(threads: 16, rows: 64).ShouldBe(32);
        RunPairs(threads: 16, rows: 2).ShouldBe(8);
    }

    /// <summary>Two threads that take 64 and 48 pairs wait for each other.</summary>
    [Fact]
    public void A_prompts_runs_beside_decodes_are_of_one_size()
    {
        const int Group = 7, Decodes = 8;
        foreach (var rows in new[] { 16, 24, 32, 100 })
        {
            var batch = Batch([.. Enumerable.Repeat((64, 1), Decodes), (4096, rows)]);
            var plan = new AttentionPlan(2 * Group, 2, 64, threads: 2, batch.MaxRows, Plenty);
            plan.Make(batch, window: 0, minimumWork: 0);
            var pairs = plan.RunSpan[Decodes..].ToArray().Select(run => run.Pairs).ToList();
            pairs.Sum().ShouldBe(rows * Group);
            pairs.Min().ShouldBeGreaterThan(pairs.Max() - PagedAttention.TilePairs, $"{rows} rows");
            (pairs.Max() % PagedAttention.TilePairs).ShouldBe(0);
        }
    }

    private static int Parts(
        int threads, int kvHeads, int position, int maxSlots = Plenty, long minimumWork = 0, int window = 0)
    {
        var plan = new AttentionPlan(kvHeads * 4, kvHeads, 64, threads, 1, maxSlots);
        plan.Make(Batch((position, 1)), window, minimumWork);
        return plan.KeyParts;
    }

    private static int RunPairs(int threads, int rows)
    {
        var plan = new AttentionPlan(32, 8, 64, threads, rows, Plenty);
        plan.Make(Batch((0, rows)), window: 0, minimumWork: 0);
        return plan.RunSpan[0].Pairs;
    }

    private static StepBatch Batch(params (int Position, int Rows)[] sequences)
    {
        var batch = new StepBatch(sequences.Sum(sequence => sequence.Rows), sequences.Length);
        foreach (var (position, rows) in sequences)
        {
            batch.Add(new int[rows], position, new int[((position + rows) / KvStore.BlockSize) + 1], LogitRows.None);
        }

        return batch;
    }
}
