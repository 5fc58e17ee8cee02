using Stoker.Engine.Models;
using Stoker.Engine.Sampling;

namespace Stoker.Engine.Tests.Scheduling;

/// <summary>Exact: steady decode allocates nothing, not even a byte.</summary>
public sealed class AllocationTests
{
    private const int Warm = 40, Measured = 60;

    /// <summary>The whole way of a token on one thread: plan, batch, sampling, text, event, counters, reader.</summary>
    [Fact]
    public void Steps_that_continue_streams_allocate_nothing_on_the_way_to_their_readers()
    {
        var rig = new LoopRig(options: new() { MaxUnreadEvents = 16 });
        GenerationRequest[] requests =
        [
            Long(new() { Temperature = 0 }),
            Long(new() { Seed = 1 }),
            Long(new() { Seed = 2, TopK = 5, TopP = 0.9, MinP = 0.01 }),
            Long(new() { Seed = 3, TopP = 0.8 }) with { StopTokens = [FakeText.OtherEnd] },
        ];
        var states = requests.Select(rig.Submit).ToArray();
        Step(Warm);
        var before = GC.GetAllocatedBytesForCurrentThread();
        Step(Measured);
        (GC.GetAllocatedBytesForCurrentThread() - before).ShouldBe(0);
        states.ShouldAllBe(state => state.CompletionTokens == Warm + Measured);

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

    /// <summary>The engine's own thread, with text and events made on another and read on a third.</summary>
    [Fact]
    public async Task The_loop_of_an_engine_allocates_nothing_for_a_token()
    {
        var model = new FakeModel();
        await using var engine = new InferenceEngine(
            new(model, new FakeText(), new GenerationDefaults(SamplingOptions.Unset, [FakeText.End])),
            new() { Delivery = Stoker.Engine.Scheduling.DeliveryMode.Beside, PrefixCache = false });
        var (steps, before, after) = (0, 0L, 0L);
        model.OnForward = Count;
        await engine.CompleteAsync(Long(new() { Seed = 1 }));
        (after - before).ShouldBe(0);
        steps.ShouldBeGreaterThan(Warm + Measured);

        void Count(StepBatch batch) // on the loop's thread, in each step
        {
            steps++;
            if (steps == Warm) before = GC.GetAllocatedBytesForCurrentThread();
            if (steps == Warm + Measured) after = GC.GetAllocatedBytesForCurrentThread();
        }
    }

    private static GenerationRequest Long(SamplingOptions sampling) => new()
    {
        PromptTokens = FakeText.Ids("abc"),
        MaxTokens = 120,
        IgnoreEos = true,
        Sampling = sampling with { LogitBias = Letters },
    };

    /// <summary>Letters only: what is not a letter has no string ready.</summary>
    private static readonly Dictionary<int, double> Letters =
        Enumerable.Range(FakeText.Emoji, FakeText.Size - FakeText.Emoji).ToDictionary(id => id, _ => -100.0);
}
