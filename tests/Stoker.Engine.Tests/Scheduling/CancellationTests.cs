namespace Stoker.Engine.Tests.Scheduling;

public sealed class CancellationTests
{
    [Fact]
    public void A_running_request_is_gone_before_the_next_step()
    {
        var rig = new LoopRig();
        var state = rig.Submit(StepLoopTests.Forced(1) with { Choices = 2 });
        for (var step = 0; step < 3; step++) rig.Loop.Step();
        rig.Loop.Scheduler.Pool.UsedCount.ShouldBePositive();
        rig.Loop.Cancel(state);
        rig.Loop.Scheduler.Pool.UsedCount.ShouldBe(0);
        rig.Loop.Step().ShouldBeFalse();
        var events = LoopRig.Events(state);
        events.Where(item => item.Finish is not null).Select(item => (item.Choice, item.Finish))
            .ShouldBe([(0, FinishReason.Cancelled), (1, FinishReason.Cancelled)]);
        events[^1].Usage.ShouldNotBeNull().CompletionTokens.ShouldBe(events.Sum(item => item.Tokens.Count));
        state.Events.Reader.Completion.IsCompleted.ShouldBeTrue();
    }

    [Fact]
    public void A_waiting_request_leaves_the_queue()
    {
        var rig = new LoopRig(maxSequences: 1);
        rig.Submit(StepLoopTests.Forced(1, maxTokens: 5));
        var waiting = rig.Submit(StepLoopTests.Forced(1));
        rig.Loop.Step();
        rig.Loop.Cancel(waiting);
        rig.Loop.Scheduler.Waiting.ShouldBeEmpty();
        LoopRig.Result(waiting).ShouldSatisfyAllConditions(
            result => result.Choices[0].Finish.ShouldBe(FinishReason.Cancelled), result => result.Usage.CompletionTokens.ShouldBe(0));
        rig.Run();
        rig.Statistics.QueueTime.Count.ShouldBe(1); // the other one; this one never started
    }

    [Fact]
    public void Cancelling_in_the_middle_of_a_prompt_frees_its_blocks()
    {
        var rig = new LoopRig(stepTokens: 8);
        var state = rig.Submit(StepLoopTests.Ask(new string('x', 60)));
        rig.Loop.Step();
        rig.Loop.Scheduler.Pool.UsedCount.ShouldBe(2);
        rig.Loop.Cancel(state);
        rig.Loop.Scheduler.Pool.UsedCount.ShouldBe(0);
    }

    [Fact]
    public void Cancelling_twice_or_after_the_end_changes_nothing()
    {
        var rig = new LoopRig();
        var state = rig.Submit(StepLoopTests.Forced(1, maxTokens: 3));
        rig.Run();
        rig.Loop.Cancel(state);
        rig.Loop.Cancel(state);
        LoopRig.Result(state).Choices[0].Finish.ShouldBe(FinishReason.Length);
        rig.Statistics.Finished[FinishReason.Cancelled].ShouldBe(0);
    }

    [Fact]
    public void Cancelling_one_leaves_its_neighbours_as_they_are()
    {
        var request = StepLoopTests.Ask("neighbour", maxTokens: 25) with { Sampling = new() { Seed = 2, LogitBias = StepLoopTests.NoBroken } };
        var alone = new LoopRig().Complete(request).Choices[0];
        var rig = new LoopRig();
        var (first, doomed, last) = (rig.Submit(request), rig.Submit(StepLoopTests.Forced(3, maxTokens: 100)), rig.Submit(request));
        for (var step = 0; step < 4; step++) rig.Loop.Step();
        rig.Loop.Cancel(doomed);
        rig.Run();
        StepLoopTests.Same(LoopRig.Result(first).Choices[0], alone);
        StepLoopTests.Same(LoopRig.Result(last).Choices[0], alone);
    }
}
