using Stoker.Engine.Models;

namespace Stoker.Engine.Tests.Scheduling;

/// <summary>Steps on a model that takes virtual time: 10 ms and 1 ms for each row.</summary>
public sealed class StepTimeTests
{
    [Fact]
    public void A_long_prompt_lengthens_the_steps_of_a_running_stream_only_to_the_limit()
    {
        var (rig, steps) = Rig(TimeSpan.FromMilliseconds(50));
        rig.Complete(StepLoopTests.Forced(1, maxTokens: 1)); // the engine's first step teaches nothing
        steps.Clear();
        rig.Submit(StepLoopTests.Ask(new string('a', 100), maxTokens: 150) with { IgnoreEos = true, Sampling = new() { LogitBias = StepLoopTests.NoBroken } });
        rig.Loop.Step();
        steps.ShouldBe([100]); // alone: all of it at once
        for (var step = 0; step < 20; step++) rig.Loop.Step();
        var late = rig.Submit(StepLoopTests.Ask(new string('b', 180), maxTokens: 1));
        steps.Clear();
        while (!late.IsEnded) rig.Loop.Step();
        steps[0].ShouldBeInRange(32, 40);
        steps.Max().ShouldBeLessThanOrEqualTo(40); // 10 ms + 40 rows of 1 ms
        steps.Count.ShouldBeLessThanOrEqualTo(7);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(30)]
    [InlineData(60_000)]
    public void Answers_do_not_depend_on_it(int milliseconds)
    {
        var requests = Enumerable.Range(0, 12).Select(index =>
            StepLoopTests.Ask(new string((char)('a' + index), 1 + (13 * index)), maxTokens: 30, seed: index) with { Sampling = new() { Seed = index, LogitBias = StepLoopTests.NoBroken } }).ToList();
        var (rig, _) = Rig(TimeSpan.FromMilliseconds(milliseconds));
        var states = requests.Take(6).Select(rig.Submit).ToList();
        for (var step = 0; step < 5; step++) rig.Loop.Step();
        states.AddRange(requests.Skip(6).Select(rig.Submit));
        rig.Run();
        for (var index = 0; index < requests.Count; index++)
        {
            StepLoopTests.Same(LoopRig.Result(states[index]).Choices[0], new LoopRig().Complete(requests[index]).Choices[0]);
        }
    }

    [Theory]
    [InlineData(0.05)]
    [InlineData(0.5)]
    [InlineData(0.95)]
    public void Nor_on_the_share_that_answers_keep_beside_long_prompts(double share)
    {
        var requests = Enumerable.Range(0, 12).Select(index =>
            StepLoopTests.Ask(new string((char)('a' + index), 1 + (13 * index)), maxTokens: 30, seed: index) with { Sampling = new() { Seed = index, LogitBias = StepLoopTests.NoBroken } }).ToList();
        var (rig, _) = Rig(new EngineOptions { StepTime = TimeSpan.Zero, LongPrompt = new() { DecodeShare = share, PrefixShare = 0.5 } });
        var states = requests.Take(6).Select(rig.Submit).ToList();
        for (var step = 0; step < 5; step++) rig.Loop.Step();
        states.AddRange(requests.Skip(6).Select(rig.Submit));
        rig.Run();
        for (var index = 0; index < requests.Count; index++)
        {
            StepLoopTests.Same(LoopRig.Result(states[index]).Choices[0], new LoopRig().Complete(requests[index]).Choices[0]);
        }
    }

    [Fact]
    public void A_stream_keeps_its_share_of_speed_beside_a_long_prompt()
    {
        var (rig, steps) = Rig(new EngineOptions { LongPrompt = new() { DecodeShare = 0.25 } });
        rig.Complete(StepLoopTests.Forced(1, maxTokens: 1)); // the engine's first step teaches nothing
        rig.Submit(StepLoopTests.Ask("a", maxTokens: 150) with { IgnoreEos = true, Sampling = new() { LogitBias = StepLoopTests.NoBroken } });
        for (var step = 0; step < 20; step++) rig.Loop.Step();
        var late = rig.Submit(StepLoopTests.Ask(new string('b', 180), maxTokens: 1));
        steps.Clear();
        while (!late.IsEnded) rig.Loop.Step();
        steps.Max().ShouldBeLessThanOrEqualTo(40); // 11 ms alone, so 44 and a little of what was left over
        steps.Sum(rows => 10 + rows).ShouldBeLessThanOrEqualTo(4 * 11 * steps.Count);
        steps.Count.ShouldBeLessThanOrEqualTo(9);
    }

    [Fact]
    public void Idle_time_is_used_once_to_learn_what_rows_cost_and_only_after_a_first_request()
    {
        var (rig, steps) = Rig(TimeSpan.FromMilliseconds(50));
        rig.Loop.Calibrate().ShouldBeFalse();
        rig.Complete(StepLoopTests.Forced(1, maxTokens: 4));
        steps.Clear();
        while (rig.Loop.Calibrate()) rig.Loop.Scheduler.CheckIntegrity();
        steps.ShouldBe([4, 16]); // 14 and 26 ms; 64 rows are estimated at 74 ms, more than is left of 100 ms
        rig.Loop.Scheduler.Pool.UsedCount.ShouldBe(0);
        rig.Loop.Calibrate().ShouldBeFalse();
        rig.Complete(StepLoopTests.Forced(1, maxTokens: 4)).Choices[0].Text.ShouldBe("bbbb");
        steps.Clear();
        rig.Loop.Calibrate().ShouldBeFalse();
        steps.ShouldBeEmpty();
    }

    [Fact]
    public void Nothing_is_learned_beside_requests_or_without_a_limit()
    {
        var (rig, steps) = Rig(TimeSpan.FromMilliseconds(50));
        rig.Submit(StepLoopTests.Forced(1, maxTokens: 4));
        rig.Loop.Step();
        rig.Loop.Calibrate().ShouldBeFalse();
        steps.Count.ShouldBe(1);

        (rig, steps) = Rig(TimeSpan.Zero);
        rig.Complete(StepLoopTests.Forced(1, maxTokens: 4));
        rig.Loop.Calibrate().ShouldBeFalse();
        (rig, steps) = Rig(new EngineOptions { StepTime = TimeSpan.Zero, LongPrompt = new() });
        rig.Complete(StepLoopTests.Forced(1, maxTokens: 4));
        rig.Loop.Calibrate().ShouldBeTrue(); // the share that answers keep is a limit
    }

    [Fact]
    public void A_fault_while_learning_reaches_nobody()
    {
        var (rig, _) = Rig(TimeSpan.FromMilliseconds(50));
        rig.Complete(StepLoopTests.Forced(1, maxTokens: 4));
        rig.Model.OnForward = _ => throw new DivideByZeroException("a kernel's bug");
        rig.Loop.Calibrate().ShouldBeFalse();
        rig.Model.OnForward = null;
        rig.Loop.Scheduler.CheckIntegrity();
        rig.Complete(StepLoopTests.Forced(1, maxTokens: 2)).Choices[0].Text.ShouldBe("bb");
    }

    private static (LoopRig Rig, List<int> Steps) Rig(TimeSpan stepTime) => Rig(new EngineOptions { StepTime = stepTime });

    private static (LoopRig Rig, List<int> Steps) Rig(EngineOptions options)
    {
        var steps = new List<int>();
        var rig = new LoopRig(blocks: 200, stepTokens: 256, options: options);
        rig.Model.OnForward = Take;
        return (rig, steps);

        void Take(StepBatch batch)
        {
            steps.Add(batch.RowCount);
            rig.Time.Advance(TimeSpan.FromMilliseconds(10 + batch.RowCount));
        }
    }
}
