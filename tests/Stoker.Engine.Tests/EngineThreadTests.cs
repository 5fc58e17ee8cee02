using Stoker.Engine.Models;
using Stoker.Engine.Sampling;
using Stoker.Engine.Tests.Scheduling;
using Stoker.Testing;

namespace Stoker.Engine.Tests;

/// <summary>
/// The loop on its own thread: joining, leaving, cancelling, refusing and closing. A gate in the model makes the order
/// certain.
/// </summary>
public sealed class EngineThreadTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Disposing_a_generation_returns_when_its_blocks_are_free()
    {
        await using var engine = Open(out _);
        var generation = engine.Submit(StepLoopTests.Forced(1, maxTokens: 200));
        await foreach (var item in generation.WithCancellation(Cancellation))
        {
            if (item.Text.Length > 0) break; // leaving the loop early cancels, too
        }
        await generation.DisposeAsync();
        engine.Statistics.KvBlocksUsed.ShouldBe(0);
        (engine.Statistics.Finished.Values.Sum(), engine.Statistics.Running).ShouldBe((1, 0));
    }

    [Fact]
    public async Task Cancelling_the_readers_token_cancels_the_request()
    {
        await using var engine = Open(out var model);
        using var gate = new Gate(model);
        using var reader = new CancellationTokenSource();
        await using var generation = engine.Submit(StepLoopTests.Forced(1, maxTokens: 200));
        var reading = generation.CompleteAsync(reader.Token);
        await reader.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(() => reading);
        gate.Open();
        await generation.DisposeAsync();
        engine.Statistics.Finished[FinishReason.Cancelled].ShouldBe(1);
    }

    [Fact]
    public async Task A_request_whose_reader_hangs_can_be_cancelled()
    {
        await using var engine = Open(out var model);
        using var gate = new Gate(model);
        var generation = engine.Submit(StepLoopTests.Forced(1, maxTokens: 200)); // nobody reads it
        generation.Cancel();
        gate.Open();
        await generation.DisposeAsync();
        engine.Statistics.KvBlocksUsed.ShouldBe(0);
    }

    [Fact]
    public async Task A_full_queue_refuses_and_has_room_again_when_a_request_starts()
    {
        await using var engine = Open(out var model, new() { MaxQueuedRequests = 2, MaxSequences = 1, StepTokens = 8 });
        var gate = new Gate(model);
        var running = engine.Submit(StepLoopTests.Forced(1, maxTokens: 2));
        await gate.Reached;
        var (second, third) = (engine.Submit(StepLoopTests.Forced(1, maxTokens: 2)), engine.Submit(StepLoopTests.Forced(1, maxTokens: 2)));
        var refusal = Should.Throw<RequestRefusedException>(() => engine.Submit(StepLoopTests.Forced(1, maxTokens: 2)));
        (refusal.Kind, refusal.Message).ShouldSatisfyAllConditions(
            it => it.Kind.ShouldBe(RefusalKind.QueueFull), it => it.Message.ShouldStartWith("2 requests already wait"));
        gate.Open();
        foreach (var generation in new[] { running, second, third }) (await generation.CompleteAsync(Cancellation)).Choices[0].Text.ShouldBe("bb");
        (await engine.CompleteAsync(StepLoopTests.Forced(2, maxTokens: 2))).Choices[0].Text.ShouldBe("cc");
    }

    [Fact]
    public async Task Closing_ends_what_runs_and_refuses_what_comes()
    {
        var engine = Open(out var model);
        var gate = new Gate(model);
        var running = engine.Submit(StepLoopTests.Forced(1, maxTokens: 200));
        await gate.Reached;
        var closing = engine.DisposeAsync();
        Should.Throw<RequestRefusedException>(() => engine.Submit(StepLoopTests.Forced(1))).Kind.ShouldBe(RefusalKind.Closed);
        gate.Open();
        await closing;
        var choice = (await running.CompleteAsync(Cancellation)).Choices[0];
        (choice.Finish, choice.Error!.Message).ShouldBe((FinishReason.Cancelled, "The engine closes."));
        model.IsDisposed.ShouldBeTrue();
        await engine.DisposeAsync(); // twice is once
    }

    [Fact]
    public async Task The_heartbeat_ages_in_a_step_that_hangs_and_not_while_there_is_nothing_to_do()
    {
        var time = new ManualTime(DateTimeOffset.UnixEpoch);
        await using var engine = Open(out var model, new() { Time = time });
        time.Advance(TimeSpan.FromHours(1));
        engine.Statistics.HeartbeatAge.ShouldBe(TimeSpan.Zero);

        var gate = new Gate(model);
        var generation = engine.Submit(StepLoopTests.Forced(1, maxTokens: 1));
        await gate.Reached;
        time.Advance(TimeSpan.FromSeconds(40));
        engine.Statistics.HeartbeatAge.ShouldBe(TimeSpan.FromSeconds(40));
        gate.Open();
        await generation.CompleteAsync(Cancellation);
    }

    [Fact]
    public async Task A_generation_is_read_once()
    {
        await using var engine = Open(out _);
        await using var generation = engine.Submit(StepLoopTests.Forced(1));
        await generation.CompleteAsync(Cancellation);
        Should.Throw<InvalidOperationException>(() => generation.GetAsyncEnumerator(Cancellation)).Message.ShouldContain("once");
    }

    [Fact]
    public async Task Many_callers_at_once_all_get_their_own_answer()
    {
        await using var engine = Open(out _, new() { MaxQueuedRequests = 1000 });
        var answers = Enumerable.Range(0, 100).Select(index => Task.Run(() => engine.CompleteAsync(StepLoopTests.Forced(index % 26, maxTokens: 5)), Cancellation));
        var texts = (await Task.WhenAll(answers)).Select(result => result.Choices[0].Text).ToList();
        texts.ShouldBe(Enumerable.Range(0, 100).Select(index => new string((char)('a' + (index % 26)), 5)));
        engine.Statistics.KvBlocksUsed.ShouldBe(0);
    }

    private static InferenceEngine Open(out FakeModel model, EngineOptions? options = null)
    {
        model = new FakeModel();
        return new(new(model, new FakeText(), new GenerationDefaults(SamplingOptions.Unset, [FakeText.End])), options ?? new());
    }

    /// <summary>Holds the loop inside its first step until it is opened.</summary>
    private sealed class Gate : IDisposable
    {
        private readonly FakeModel _model;
        private readonly ManualResetEventSlim _open = new();
        private readonly TaskCompletionSource _reached = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Gate(FakeModel model) => (_model, model.OnForward) = (model, Hold);

        public Task Reached => _reached.Task;

        public void Open() => _open.Set();

        public void Dispose()
        {
            Open();
            _model.OnForward = null;
        }

        private void Hold(StepBatch batch)
        {
            _reached.TrySetResult();
            _open.Wait();
        }
    }
}
