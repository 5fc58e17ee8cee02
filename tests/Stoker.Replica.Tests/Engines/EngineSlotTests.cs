using Stoker.Replica.Engines;
using Stoker.Testing;

namespace Stoker.Replica.Tests.Engines;

public sealed class EngineSlotTests : IAsyncLifetime
{
    private readonly ManualTime _time = new(new(2030, 1, 1, 12, 0, 0, TimeSpan.Zero));
    private readonly TaskCompletionSource<Action<double>> _begun = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<IReplicaEngine> _end = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private EngineSlot _slot = null!;
    private Task _loading = null!;
    private Action<double> _progress = null!;

    public async ValueTask InitializeAsync()
    {
        _slot = new(_time);
        _loading = _slot.LoadAsync(new Loader(_begun, _end.Task), TestContext.Current.CancellationToken);
        _progress = await _begun.Task;
    }

    public ValueTask DisposeAsync() => _slot.DisposeAsync();

    [Fact]
    public void Each_tenth_is_news_and_less_is_none()
    {
        var told = new List<double>();
        for (var percent = 0; percent <= 100; percent += 4)
        {
            var news = _slot.News;
            _progress(percent / 100.0);
            if (news.IsCompleted) told.Add(_slot.Progress);
        }

        told.ShouldBe([0.12, 0.2, 0.32, 0.4, 0.52, 0.6, 0.72, 0.8, 0.92, 1]);
    }

    [Fact]
    public async Task Ready_is_news_and_how_long_ago_it_was_is_known()
    {
        var news = _slot.News;
        _slot.ReadyFor.ShouldBeNull();
        _end.SetResult(new ScriptedEngine());
        await news;
        await _loading;

        _time.Advance(TimeSpan.FromSeconds(2));

        (_slot.IsReady, _slot.ReadyFor).ShouldBe((true, TimeSpan.FromSeconds(2)));
    }

    [Fact]
    public async Task A_failure_is_news()
    {
        var news = _slot.News;
        _end.SetException(new IOException("no"));
        await news;
        (_slot.Failed, _slot.IsReady).ShouldBe((true, false));
        await Should.ThrowAsync<IOException>(() => _loading);
    }

    private sealed class Loader(TaskCompletionSource<Action<double>> begun, Task<IReplicaEngine> end) : IEngineLoader
    {
        public Task<IReplicaEngine> LoadAsync(Action<double> progress, CancellationToken cancellation)
        {
            begun.SetResult(progress);
            return end;
        }
    }
}
