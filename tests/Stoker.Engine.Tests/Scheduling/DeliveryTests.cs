using Stoker.Engine.Scheduling;

namespace Stoker.Engine.Tests.Scheduling;

/// <summary>Text and events on a thread of their own: a held one shows what the loop does meanwhile.</summary>
public sealed class DeliveryTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Tokens_after_a_stop_string_that_was_found_late_are_dropped_and_count_nowhere()
    {
        var request = StepLoopTests.Forced(2, maxTokens: 50) with { Stop = ["cccc"], Logprobs = 1 };
        var expected = new LoopRig().Complete(request);

        var rig = new LoopRig();
        using var beside = new Beside(rig, heldFrom: 1);
        var state = rig.Submit(request);
        for (var step = 0; step < 20; step++) rig.Loop.Step(); // far beyond the stop string
        state.Choices[0].Generated.ShouldBe(20);
        beside.Open();
        var stopped = await beside.Stopped(Cancellation);
        state.Events.Ended.IsCompleted.ShouldBeFalse(); // the loop still holds its blocks
        rig.Loop.Release(stopped);
        rig.Loop.Scheduler.Pool.UsedCount.ShouldBe(0);
        rig.Loop.Step().ShouldBeFalse();
        beside.Drain();
        state.Events.Ended.IsCompletedSuccessfully.ShouldBeTrue();
        var result = LoopRig.Result(state);
        StepLoopTests.Same(result.Choices[0], expected.Choices[0]);
        (result.Choices[0].Tokens.Count, result.Usage.CompletionTokens, rig.Statistics.GeneratedTokens).ShouldBe((4, 4, 4));
        rig.Statistics.Finished[FinishReason.Stop].ShouldBe(1);
    }

    [Fact]
    public async Task A_choice_that_came_to_its_own_end_before_its_stop_string_was_found_ends_once()
    {
        var rig = new LoopRig();
        using var beside = new Beside(rig, heldFrom: 1);
        var state = rig.Submit(StepLoopTests.Forced(2, maxTokens: 6) with { Stop = ["ccc"] });
        while (rig.Loop.Step())
        {
        }
        beside.Open();
        rig.Loop.Release(await beside.Stopped(Cancellation)); // it has gone: nothing to do
        beside.Drain();
        state.Events.Ended.IsCompletedSuccessfully.ShouldBeTrue();
        var result = LoopRig.Result(state);
        (result.Choices[0].Finish, result.Usage.CompletionTokens).ShouldBe((FinishReason.Stop, 3));
    }

    [Fact]
    public async Task A_fault_found_late_ends_that_request_alone()
    {
        var rig = new LoopRig();
        using var beside = new Beside(rig, heldFrom: 1);
        var bad = rig.Submit(StepLoopTests.Forced(FakeText.Broken, maxTokens: 30) with { Choices = 2 });
        var good = rig.Submit(StepLoopTests.Forced(2, maxTokens: 10));
        for (var step = 0; step < 5; step++) rig.Loop.Step();
        beside.Open();
        var (request, reason) = await beside.Abandoned(Cancellation);
        (request, reason).ShouldBe((bad, FinishReason.Error));
        rig.Loop.Abandon(request, reason);
        while (rig.Loop.Step())
        {
        }
        beside.Drain();
        LoopRig.Result(bad).Choices.ShouldAllBe(choice => choice.Finish == FinishReason.Error && choice.Error is EngineFaultException);
        bad.Events.Ended.IsCompletedSuccessfully.ShouldBeTrue();
        LoopRig.Result(good).Choices[0].Text.ShouldBe("cccccccccc");
        rig.Loop.Scheduler.Pool.UsedCount.ShouldBe(0);
    }

    [Fact]
    public void What_lies_between_the_two_is_bounded_and_in_order()
    {
        // More than the ring holds before anything is handled: the loop waits, nothing is lost, nothing changes places.
        var rig = new LoopRig(options: new() { MaxUnreadEvents = 100_000 }, model: new(contextLength: 20_000), blocks: 2000);
        using var beside = new Beside(rig, heldFrom: 5000);
        var state = rig.Submit(StepLoopTests.Ask("abc", maxTokens: 9000) with { IgnoreEos = true, Sampling = new() { Temperature = 0, LogitBias = StepLoopTests.NoBroken } });
        beside.OpenAfterAMoment();
        while (rig.Loop.Step())
        {
        }
        beside.Drain();
        LoopRig.Result(state).Choices[0].Tokens.Count.ShouldBe(9000);
    }

    [Fact]
    public async Task An_engine_gives_the_same_answers_either_way()
    {
        var requests = Enumerable.Range(0, 24).Select(Request).ToList();
        var (inline, beside) = (await CompleteAsync(DeliveryMode.Inline), await CompleteAsync(DeliveryMode.Beside));
        for (var index = 0; index < requests.Count; index++)
        {
            beside[index].Usage.CompletionTokens.ShouldBe(inline[index].Usage.CompletionTokens);
            for (var choice = 0; choice < requests[index].Choices; choice++)
            {
                StepLoopTests.Same(beside[index].Choices[choice], inline[index].Choices[choice]);
            }
        }

        async Task<List<GenerationResult>> CompleteAsync(DeliveryMode mode)
        {
            await using var engine = new InferenceEngine(
                new(new FakeModel(), new FakeText(), new(SamplingOptions.Unset, [FakeText.End])), new() { Delivery = mode });
            var generations = requests.Select(engine.Submit).ToList();
            var results = new List<GenerationResult>();
            foreach (var generation in generations)
            {
                results.Add(await generation.CompleteAsync(Cancellation));
                await generation.DisposeAsync();
            }
            engine.Statistics.KvBlocksUsed.ShouldBe(0);
            engine.Statistics.GeneratedTokens.ShouldBe(results.Sum(result => result.Usage.CompletionTokens));
            engine.Statistics.Finished.Values.Sum().ShouldBe(requests.Sum(request => request.Choices));
            return results;
        }
    }

    [Theory]
    [InlineData(DeliveryMode.Auto, 2, 2, false)]
    [InlineData(DeliveryMode.Auto, 2, 4, true)]
    [InlineData(DeliveryMode.Auto, 8, 4, false)]
    [InlineData(DeliveryMode.Inline, 2, 4, false)]
    [InlineData(DeliveryMode.Beside, 2, 2, true)]
    internal void It_has_its_own_thread_where_a_cpu_is_free(DeliveryMode mode, int kernelThreads, int cpus, bool own) =>
        DeliveryModes.HasOwnThread(mode, kernelThreads, cpus).ShouldBe(own);

    private static GenerationRequest Request(int index) =>
        StepLoopTests.Ask(new string((char)('a' + index), 1 + (7 * index % 45)), maxTokens: 10 + (index * 5 % 40), seed: index) with
        {
            Choices = index % 5 == 4 ? 3 : 1,
            Logprobs = index % 3 == 0 ? 2 : null,
            Echo = index % 4 == 0,
            MinTokens = index % 7,
            Stop = index % 2 == 0 ? ["ab", "q", "e"] : [],
            Sampling = new() { Seed = index, Temperature = 0.8, LogitBias = index % 6 == 5 ? null : StepLoopTests.NoBroken },
        };

    /// <summary>Gives a rig's loop a delivery thread that stops at a token until it is opened.</summary>
    private sealed class Beside : IDisposable
    {
        private readonly ManualResetEventSlim _gate = new();
        private readonly TaskCompletionSource<Sequence> _stopped = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly TaskCompletionSource<(RequestState, FinishReason)> _abandoned = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly StepLoop _loop;
        private int _tokens;

        public Beside(LoopRig rig, int heldFrom)
        {
            _loop = rig.Loop;
            _loop.Desk.Stopped = _stopped.SetResult;
            _loop.Desk.Abandoned = (request, reason) => _abandoned.SetResult((request, reason));
            rig.Text.OnAppend = _ =>
            {
                if (++_tokens >= heldFrom) _gate.Wait();
            };
            _loop.Delivery = new(_loop.Desk);
        }

        public void Open() => _gate.Set();

        /// <summary>On another thread, whenever that comes to run.</summary>
        public void OpenAfterAMoment() => ThreadPool.UnsafeQueueUserWorkItem(_ => _gate.Set(), null);

        public Task<Sequence> Stopped(CancellationToken cancellation) => _stopped.Task.WaitAsync(cancellation);

        public Task<(RequestState, FinishReason)> Abandoned(CancellationToken cancellation) => _abandoned.Task.WaitAsync(cancellation);

        /// <summary>Everything posted is handled.</summary>
        public void Drain()
        {
            _loop.Delivery?.Dispose();
            _loop.Delivery = null;
        }

        public void Dispose()
        {
            Open();
            Drain();
            _gate.Dispose();
        }
    }
}
