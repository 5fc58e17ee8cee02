using Stoker.Engine.Sampling;

namespace Stoker.Engine.Tests.Scheduling;

/// <summary>Thousands that wait.</summary>
public sealed class QueueTests
{
    private const int Count = 10_000;

    [Fact]
    public void Ten_thousand_wait_in_little_memory_and_are_all_answered_in_order()
    {
        var rig = new LoopRig(maxSequences: 4);
        int[] prompt = [.. Enumerable.Repeat(1, 40)];
        var request = StepLoopTests.Forced(2, maxTokens: 1) with { PromptTokens = prompt };
        rig.Submit(request);
        var before = GC.GetAllocatedBytesForCurrentThread();
        var states = Enumerable.Range(0, Count).Select(_ => rig.Submit(request)).ToList();
        var each = (GC.GetAllocatedBytesForCurrentThread() - before) / Count;
        each.ShouldBeLessThan(4096 + (sizeof(int) * prompt.Length)); // one copy of the prompt
        rig.Loop.Scheduler.Waiting.Count.ShouldBe(Count + 1);

        var ended = 0;
        while (rig.Loop.Step())
        {
            while (ended < Count && states[ended].IsEnded) ended++;
            states.Skip(ended + 8).Take(10).ShouldNotContain(state => state.IsEnded); // nobody overtakes by more than a step
        }
        ended.ShouldBe(Count);
        rig.Loop.Scheduler.Pool.UsedCount.ShouldBe(0);
    }

    [Fact]
    public void Ten_thousand_can_be_cancelled_in_any_order_or_ended_at_once()
    {
        var rig = new LoopRig();
        var states = Enumerable.Range(0, Count).Select(_ => rig.Submit(StepLoopTests.Forced(1))).ToList();
        rig.Loop.Step();
        var order = Enumerable.Range(0, Count / 2).ToArray();
        new Random(5).Shuffle(order);
        foreach (var index in order) rig.Loop.Cancel(states[2 * index]);
        rig.Loop.Scheduler.CheckIntegrity();
        states.Count(state => state.IsEnded).ShouldBe(Count / 2);
        rig.Loop.EndAll(FinishReason.Cancelled, null);
        states.ShouldAllBe(state => state.IsEnded);
        (rig.Loop.Scheduler.IsEmpty, rig.Loop.Scheduler.Pool.UsedCount).ShouldBe((true, 0));
    }

    [Fact]
    public async Task One_more_than_may_wait_is_refused_with_the_figure_and_costs_nothing()
    {
        var model = new FakeModel();
        using var open = new ManualResetEventSlim();
        model.OnForward = _ => open.Wait();
        await using var engine = new InferenceEngine(
            new(model, new FakeText(), new GenerationDefaults(SamplingOptions.Unset, [FakeText.End])), new() { MaxQueuedRequests = Count, MaxSequences = 1 });
        try
        {
            var request = StepLoopTests.Forced(2, maxTokens: 1);
            RequestRefusedException? refusal = null;
            for (var submitted = 0; submitted < Count + 3 && refusal is null; submitted++) // one of them may run by now
            {
                try
                {
                    engine.Submit(request);
                }
                catch (RequestRefusedException refused)
                {
                    submitted.ShouldBeInRange(Count, Count + 1);
                    refusal = refused;
                }
            }

            (refusal!.Kind, refusal.Message).ShouldBe((RefusalKind.QueueFull, "10000 requests already wait, which is the limit. Send the request again later."));
            var before = GC.GetAllocatedBytesForCurrentThread();
            Should.Throw<RequestRefusedException>(() => engine.Submit(request));
            (GC.GetAllocatedBytesForCurrentThread() - before).ShouldBeLessThan(64 << 10);
        }
        finally
        {
            open.Set();
        }
    }
}
