namespace Stoker.Engine.Tests.Scheduling;

/// <summary>
/// What goes wrong in one request ends that request alone; what goes wrong in the loop is told and the loop lives.
/// </summary>
public sealed class FaultTests
{
    [Fact]
    public void A_fault_in_detokenisation_ends_that_request_alone() =>
        OnlyTheFaultyOneEnds(new(), StepLoopTests.Forced(FakeText.Broken), "FormatException");

    [Fact]
    public void A_fault_in_sampling_ends_that_request_alone() =>
        OnlyTheFaultyOneEnds(new(model: new() { PoisonToken = 25 }), StepLoopTests.Forced(25), "InvalidOperationException", tokens: 1);

    [Fact]
    public void A_fault_in_an_echo_ends_that_request_alone() => OnlyTheFaultyOneEnds(
        new(), StepLoopTests.Ask("abc") with { PromptTokens = [1, FakeText.Broken], Echo = true, Choices = 2 }, "FormatException");

    [Fact]
    public void A_fault_before_the_first_step_ends_every_choice_of_that_request_alone()
    {
        var rig = new LoopRig();
        var neighbour = rig.Submit(StepLoopTests.Forced(1, maxTokens: 3));
        rig.Text.FailsAtOnce = true;
        var bad = rig.Submit(StepLoopTests.Forced(1) with { Choices = 3 });
        rig.Run();
        LoopRig.Result(neighbour).Choices[0].Text.ShouldBe("bbb");
        var result = LoopRig.Result(bad);
        result.Choices.Select(choice => choice.Finish).ShouldBe([FinishReason.Error, FinishReason.Error, FinishReason.Error]);
        result.Choices[2].Error.ShouldBeOfType<EngineFaultException>();
        bad.Events.Ended.IsCompleted.ShouldBeTrue();
    }

    [Fact]
    public void A_fault_in_the_forward_pass_ends_the_requests_of_that_step_and_the_loop_lives()
    {
        var rig = new LoopRig();
        var doomed = rig.Submit(StepLoopTests.Ask("abc"));
        rig.Model.OnForward = _ => throw new DivideByZeroException("a kernel's bug");
        rig.Loop.Step();
        rig.Model.OnForward = null;
        LoopRig.Result(doomed).Choices[0].ShouldSatisfyAllConditions(
            choice => choice.Finish.ShouldBe(FinishReason.Error), choice => choice.Error.ShouldBeOfType<EngineFaultException>());
        rig.Loop.Scheduler.Pool.UsedCount.ShouldBe(0);
        rig.Complete(StepLoopTests.Ask("abc") with { Sampling = new() { LogitBias = StepLoopTests.NoBroken } })
            .Choices[0].Finish.ShouldNotBe(FinishReason.Error);
    }

    [Fact]
    public void A_loop_that_turns_without_getting_on_gives_the_oldest_request_up()
    {
        var rig = new LoopRig(stepTokens: 8, options: new() { WatchdogSteps = 5 });
        var stuck = rig.Submit(StepLoopTests.Ask(new string('x', 60)));
        var next = rig.Submit(StepLoopTests.Ask(new string('y', 60)));
        for (var step = 0; step < 6; step++)
        {
            stuck.IsEnded.ShouldBeFalse();
            rig.Loop.Step();
            // as if a bug took back every step's work
            foreach (var sequence in rig.Loop.Scheduler.Running) sequence.Computed = 0;
        }
        LoopRig.Events(stuck)[^1].Error.ShouldBeOfType<EngineFaultException>().Message.ShouldContain("1 sequences running, 1 waiting");
        next.IsEnded.ShouldBeFalse();
        rig.Statistics.WatchdogTrips.ShouldBe(1);
    }

    [Fact]
    public void A_reader_that_leaves_too_much_unread_is_cancelled_and_others_go_on()
    {
        var rig = new LoopRig(options: new() { MaxUnreadEvents = 4 });
        var slow = rig.Submit(StepLoopTests.Forced(1, maxTokens: 50));
        var quick = rig.Submit(StepLoopTests.Forced(2, maxTokens: 50));
        var read = new List<GenerationEvent>();
        while (rig.Loop.Step()) read.AddRange(LoopRig.Events(quick));

        string.Concat(read.Select(item => item.Text)).ShouldBe(new string('c', 50));
        var events = LoopRig.Events(slow);
        events.Count.ShouldBe(5); // what fits the buffer, and the end
        (events[^1].Finish, events[^1].Error).ShouldSatisfyAllConditions(
            end => end.Finish.ShouldBe(FinishReason.Cancelled), end => end.Error!.Message.ShouldContain("unread"));
        rig.Loop.Scheduler.Pool.UsedCount.ShouldBe(0);
    }

    [Fact]
    public void Errors_and_cancellations_carry_no_text_of_the_request()
    {
        var error = new LoopRig().Complete(StepLoopTests.Forced(FakeText.Broken)).Choices[0].Error.ShouldNotBeNull();
        error.Message.ShouldBe("The engine failed while it worked on this request (FormatException); other requests went on.");
    }

    private static void OnlyTheFaultyOneEnds(LoopRig rig, GenerationRequest faulty, string cause, int tokens = 0)
    {
        var neighbour = StepLoopTests.Ask("neighbour", maxTokens: 20) with { Sampling = new() { Seed = 2, LogitBias = NeighbourBias } };
        var alone = new LoopRig().Complete(neighbour).Choices[0];
        var (first, bad, last) = (rig.Submit(neighbour), rig.Submit(faulty), rig.Submit(neighbour));
        rig.Run();
        StepLoopTests.Same(LoopRig.Result(first).Choices[0], alone);
        StepLoopTests.Same(LoopRig.Result(last).Choices[0], alone);
        foreach (var choice in LoopRig.Result(bad).Choices)
        {
            choice.Finish.ShouldBe(FinishReason.Error);
            choice.Error.ShouldBeOfType<EngineFaultException>().Message.ShouldContain(cause);
            choice.Tokens.Count.ShouldBeGreaterThanOrEqualTo(tokens);
        }
        bad.Events.Ended.IsCompleted.ShouldBeTrue();
        rig.Statistics.Finished[FinishReason.Error].ShouldBe(faulty.Choices);
    }

    private static readonly Dictionary<int, double> NeighbourBias = new() { [FakeText.Broken] = -100, [25] = -100 };
}
