using Stoker.Engine.Scheduling;

namespace Stoker.Engine.Tests.Scheduling;

public sealed class EngineCountersTests
{
    [Fact]
    public void A_histogram_counts_by_upper_bound()
    {
        var histogram = new Histogram([0.1, 1]);
        foreach (var milliseconds in new[] { 50, 100, 101, 5000 }) histogram.Record(TimeSpan.FromMilliseconds(milliseconds));
        var snapshot = histogram.Snapshot();
        snapshot.Counts.ShouldBe([2, 1, 1]);
        snapshot.Sum.ShouldBe(5.251, 1e-9);
        snapshot.Count.ShouldBe(4);
    }

    [Fact]
    public void Times_are_taken_from_submission_to_step_to_token_to_end()
    {
        var rig = new LoopRig(maxSequences: 1);
        rig.Model.OnForward = _ => rig.Time.Advance(TimeSpan.FromSeconds(1)); // every step lasts a second
        var first = rig.Submit(StepLoopTests.Forced(1, maxTokens: 4));
        var second = rig.Submit(StepLoopTests.Forced(2, maxTokens: 2));
        rig.Run();

        var usage = LoopRig.Result(first).Usage;
        (usage.QueueTime, usage.TimeToFirstToken, usage.Duration).ShouldBe((Seconds(0), Seconds(1), Seconds(4)));
        usage = LoopRig.Result(second).Usage;
        (usage.QueueTime, usage.TimeToFirstToken, usage.Duration).ShouldBe((Seconds(4), Seconds(5), Seconds(6)));

        var statistics = rig.Statistics;
        statistics.QueueTime.Sum.ShouldBe(4);
        statistics.TimeToFirstToken.Sum.ShouldBe(6);
        statistics.EndToEndLatency.Sum.ShouldBe(10);
        (statistics.InterTokenLatency.Count, statistics.InterTokenLatency.Sum).ShouldBe((4, 4));
        (statistics.TimePerOutputToken.Count, statistics.TimePerOutputToken.Sum).ShouldBe((2, 2));
        (statistics.PromptTokens, statistics.GeneratedTokens, statistics.Steps).ShouldBe((6, 6, 6));
        statistics.Finished[FinishReason.Length].ShouldBe(2);
    }

    [Fact]
    public void A_probe_is_no_request_and_its_tokens_are_nobodys()
    {
        var rig = new LoopRig();
        rig.Complete(StepLoopTests.Forced(1, maxTokens: 3) with { IsProbe = true }).Choices[0].Tokens.Count.ShouldBe(3);
        rig.Loop.Cancel(rig.Submit(StepLoopTests.Forced(1, maxTokens: 3) with { IsProbe = true }));
        var statistics = rig.Statistics;
        (statistics.PromptTokens, statistics.QueriedPromptTokens, statistics.GeneratedTokens).ShouldBe((0, 0, 0));
        statistics.Finished.Values.ShouldAllBe(count => count == 0);
        HistogramSnapshot[] times =
        [
            statistics.QueueTime, statistics.TimeToFirstToken, statistics.InterTokenLatency, statistics.TimePerOutputToken, statistics.EndToEndLatency,
            statistics.PrefillTime, statistics.DecodeTime, statistics.RequestPromptTokens, statistics.RequestGenerationTokens,
        ];
        times.ShouldAllBe(histogram => histogram.Count == 0);
        statistics.Steps.ShouldBe(3); // they took their time
    }

    [Fact]
    public void Steps_are_counted_by_what_they_compute()
    {
        var rig = new LoopRig(stepTokens: 16, maxSequences: 2);
        rig.Model.OnForward = _ => rig.Time.Advance(TimeSpan.FromSeconds(1));
        rig.Submit(StepLoopTests.Forced(1, maxTokens: 5)); // 3 rows of prompt, then 4 of answer
        rig.Loop.Step();
        rig.Loop.Step();
        rig.Submit(StepLoopTests.Ask(new string('x', 20), maxTokens: 1)); // 15 rows beside a decode, then 5
        rig.Run();
        var work = rig.Statistics.StepWork;
        (work.Prefill, work.Decode, work.Mixed).ShouldBe((new(1, 3, 0, 1), new(2, 0, 2, 2), new(2, 20, 2, 2)));
        work.Decode.TokensPerSecond.ShouldBe(1);
        (work.Time.Count, work.Time.Sum, work.Rows.Sum, work.Sequences.Sum).ShouldBe((5, 5, 27, 7));
    }

    [Fact]
    public void A_request_is_counted_by_its_phases_and_tokens()
    {
        var rig = new LoopRig(maxSequences: 1, stepTokens: 8);
        rig.Model.OnForward = _ => rig.Time.Advance(TimeSpan.FromSeconds(1));
        rig.Submit(StepLoopTests.Ask(new string('x', 20), maxTokens: 4) with { IgnoreEos = true, Sampling = new() { LogitBias = StepLoopTests.NoBroken } });
        rig.Run();
        var statistics = rig.Statistics;
        (statistics.PrefillTime.Sum, statistics.DecodeTime.Sum).ShouldBe((3, 3));
        (statistics.RequestPromptTokens.Sum, statistics.RequestGenerationTokens.Sum).ShouldBe((20, 4));
    }

    [Fact]
    public void The_state_is_that_after_the_last_step()
    {
        var rig = new LoopRig(blocks: 10, maxSequences: 2);
        for (var count = 0; count < 3; count++) rig.Submit(StepLoopTests.Forced(1));
        rig.Loop.Step();
        var statistics = rig.Statistics;
        (statistics.Running, statistics.Waiting, statistics.KvBlocksUsed, statistics.KvBlocksTotal).ShouldBe((2, 1, 2, 10));
        statistics.KvUsage.ShouldBe(0.2);
        rig.Run();
        (rig.Statistics.Running, rig.Statistics.Waiting, rig.Statistics.KvUsage).ShouldBe((0, 0, 0));
    }

    private static TimeSpan Seconds(int count) => TimeSpan.FromSeconds(count);
}
