using Stoker.Engine.KvCache;
using Stoker.Engine.Speculation;
using Stoker.Engine.Tests.Scheduling;

namespace Stoker.Engine.Tests.Speculation;

/// <summary>Exact: drafting and verifying allocate nothing either.</summary>
public sealed class SpeculatedAllocationTests
{
    private const int Warm = 30, Measured = 40, Unread = 10;

    [Theory]
    [InlineData("ngram")]
    [InlineData("model")]
    [InlineData("prediction")]
    [InlineData("adaptive")]
    public void Steps_that_draft_and_verify_allocate_nothing_on_the_way_to_their_readers(string kind)
    {
        var rig = new LoopRig(options: new() { MaxUnreadEvents = 64 }, maxSequences: 4, stepTokens: 64, model: new(contextLength: 500), adaptive: kind == "adaptive",
            newDrafter: pool => kind is "model" ? Model(pool) : new NgramDrafter(3));
        var ofTheClock = 0L; // what the test's own clock allocates
        rig.Model.OnForward = rows =>
        {
            var start = GC.GetAllocatedBytesForCurrentThread();
            rig.Time.Advance(TimeSpan.FromMilliseconds(50 + rows.RowCount));
            ofTheClock += GC.GetAllocatedBytesForCurrentThread() - start;
        };
        var states = Enumerable.Range(0, 4).Select(seed => rig.Submit(Repeating(seed) with { Prediction = kind == "prediction" ? Expected : [] })).ToArray();
        for (var step = 0; step < Unread; step++) rig.Loop.Step(); // events pile up: their buffers are then large enough for any step
        Step(Warm);
        var before = GC.GetAllocatedBytesForCurrentThread() - ofTheClock;
        Step(Measured);
        (GC.GetAllocatedBytesForCurrentThread() - ofTheClock - before).ShouldBe(0);
        rig.Statistics.Speculation.Drafted.ShouldBeGreaterThan(Measured);
        rig.Statistics.Speculation.Accepted.ShouldBePositive();
        states.ShouldAllBe(state => state.CompletionTokens > Warm + Measured && !state.IsEnded);

        void Step(int steps)
        {
            for (var step = 0; step < steps; step++)
            {
                rig.Loop.Step();
                foreach (var state in states)
                {
                    while (state.Events.Reader.TryRead(out _))
                    {
                    }
                }
            }
        }
    }

    private static readonly int[] Expected = [.. Enumerable.Range(0, 480).Select(index => index * 7 % 3)];

    private static ModelDrafter Model(BlockPool pool)
    {
        var model = new FakeModel(contextLength: 500);
        return new(model, new(model.Shape, pool.Count, KvFormat.F32), pool, new(4, 64, KvStore.BlockSize), 3, TimeProvider.System);
    }

    /// <summary>Three letters, in no order: some drafts are right and some are not.</summary>
    private static GenerationRequest Repeating(int seed) => new()
    {
        PromptTokens = FakeText.Ids("abcabc"),
        MaxTokens = 480,
        IgnoreEos = true,
        Sampling = new() { Seed = seed, LogitBias = Enumerable.Range(3, FakeText.Size - 3).ToDictionary(id => id, _ => -100.0) },
    };
}
