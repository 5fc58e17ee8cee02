using Stoker.Engine.KvCache;
using Stoker.Engine.Scheduling;

namespace Stoker.Engine.Tests.Scheduling;

public sealed class SteadyStateTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Planning_blocks_and_prefixes_allocate_nothing_for_a_decoded_token(bool prefixes)
    {
        const int Sequences = 8, Prompt = 40, Warm = 200, Measured = 1000, Size = KvStore.BlockSize;
        var blocks = Sequences * (Prompt + Warm + Measured + Size) / Size;
        var pool = new BlockPool(blocks, prefixes ? new PrefixCache(blocks, Size) : null);
        var cost = new StepCost();
        var limits = new StepLimits(Sequences, StepTokens: 512, Size) { StepMicroseconds = 100_000 };
        var scheduler = new Engine.Scheduling.Scheduler(pool, limits, cost);
        for (var index = 0; index < Sequences; index++)
        {
            const int Most = Prompt + Warm + Measured + 2;
            scheduler.Add(new PlainSequence(index, index, Prompt, Most, new(pool, blocks)) { All = [.. Enumerable.Range(index, Most)] });
        }

        scheduler.Add(new PlainSequence(Sequences, Sequences, Prompt, Prompt + 1, new(pool, blocks))); // waits all the time
        for (var step = 0; step < Warm; step++) Step();
        var (used, findable) = (pool.UsedCount, pool.FindableCount);
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var step = 0; step < Measured; step++) Step();
        (GC.GetAllocatedBytesForCurrentThread() - before).ShouldBe(0);
        (pool.UsedCount - used).ShouldBeInRange(Sequences * (Measured / Size), Sequences * ((Measured / Size) + 1)); // blocks were taken
        (pool.FindableCount - findable > 0).ShouldBe(prefixes); // and published
        scheduler.CheckIntegrity();

        void Step()
        {
            var plan = scheduler.Begin();
            scheduler.Complete(plan);
            cost.Observe(plan.Work, 1000 + plan.RowCount);
            foreach (var sequence in plan.Rows) sequence.Sequence.TokenCount++;
        }
    }

    [Fact]
    public void A_sequence_that_begins_with_found_blocks_allocates_its_table_and_no_more()
    {
        const int Size = KvStore.BlockSize, Prompt = 4 * Size;
        var pool = new BlockPool(64, new PrefixCache(64, Size));
        var scheduler = new Engine.Scheduling.Scheduler(pool, new(MaxSequences: 4, StepTokens: 512, Size));
        for (var round = 0; round < 20; round++) Run(round);
        var sequence = New(20);
        var before = GC.GetAllocatedBytesForCurrentThread();
        scheduler.Add(sequence);
        var plan = scheduler.Begin();
        scheduler.Complete(plan);
        scheduler.Remove(sequence);
        var table = (64 * sizeof(int)) + 24;
        (GC.GetAllocatedBytesForCurrentThread() - before).ShouldBe(table);
        plan.Admit.Single().SharedBlocks.ShouldBe(3);

        void Run(long arrival)
        {
            var warm = New(arrival);
            scheduler.Add(warm);
            scheduler.Complete(scheduler.Begin());
            scheduler.Remove(warm);
        }

        PlainSequence New(long arrival) => new(arrival, (int)arrival, Prompt, Prompt + 1, new(pool, 64));
    }
}
