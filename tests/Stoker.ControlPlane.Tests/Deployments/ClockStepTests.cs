using Stoker.ControlPlane.Metering;
using Stoker.ControlPlane.Storage;

namespace Stoker.ControlPlane.Tests.Deployments;

/// <summary>
/// The server's wall clock is set by an hour, forwards or back. Leases have the same test beside their store, the ledger
/// over ten thousand transitions.
/// </summary>
public sealed class ClockStepTests : IAsyncDisposable
{
    private readonly DeploymentWorld _world = new(slots: 8);

    public ValueTask DisposeAsync() => _world.DisposeAsync();

    [Theory]
    [InlineData(1)]
    [InlineData(-1)]
    public async Task It_starts_and_stops_nothing(int hours)
    {
        await ReadyAsync();
        for (var i = 0; i < 20; i++) _world.Load("d").Began();
        await PassAsync(40);
        var before = _world.Routed("d").Select(replica => replica.Id).ToList();
        before.Count.ShouldBe(4);

        var starts = _world.Runtime.Starts;
        _world.Time.Step(TimeSpan.FromHours(hours));
        await PassAsync(60);
        _world.Routed("d").Select(replica => replica.Id).ShouldBe(before);
        _world.Runtime.Starts.ShouldBe(starts);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(-1)]
    public async Task Windows_and_idle_times_are_times_that_passed(int hours)
    {
        await ReadyAsync();
        await PassAsync(1_800);
        _world.Time.Step(TimeSpan.FromHours(hours));
        await PassAsync(1_700);
        _world.Routed("d").Count.ShouldBe(1); // 58 of the 60 minutes
        await PassAsync(110);
        _world.Runtime.Running.ShouldBeEmpty();
    }

    [Theory]
    [InlineData(1)]
    [InlineData(-1)]
    public async Task Windows_that_a_restart_finds_go_on_where_they_were(int hours)
    {
        await ReadyAsync();
        await PassAsync(1_800);
        await _world.Windows.SaveAsync(TestContext.Current.CancellationToken);
        _world.Time.Step(TimeSpan.FromHours(hours));
        await _world.RestartServerAsync();
        await PassAsync(1_700);
        _world.Routed("d").Count.ShouldBe(1);
        await PassAsync(200); // the second in which no server looked stretches the window
        _world.Runtime.Running.ShouldBeEmpty();
    }

    [Theory]
    [InlineData(1)]
    [InlineData(-1)]
    public async Task A_replica_that_died_before_is_replaced_as_soon_as_ever(int hours)
    {
        await ReadyAsync();
        for (var deaths = 0; deaths < 2; deaths++) // the first is replaced at once, the second after a second
        {
            _world.Runtime.Crash(_world.Routed("d").Single().Id);
            await _world.SettleAsync();
            if (deaths == 1) _world.Time.Step(TimeSpan.FromHours(hours));
            await PassAsync(5);
        }

        _world.Routed("d").Count.ShouldBe(1);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(-1)]
    public async Task Seconds_in_the_ledger_are_seconds_that_passed(int hours)
    {
        await ReadyAsync();
        var begun = _world.Time.GetTimestamp();
        var paid = await PaidAsync();
        await PassAsync(100);
        _world.Time.Step(TimeSpan.FromHours(hours));
        await PassAsync(100);
        var more = await PaidAsync() - paid;
        more.ShouldBeInRange(_world.Time.GetElapsedTime(begun) - LedgerRule.Beat, _world.Time.GetElapsedTime(begun) + LedgerRule.Beat);
    }

    private async Task<TimeSpan> PaidAsync() => new(ReplicaInterval
        .From((await _world.LedgerStore.ReadAsync(LedgerPlace.Start, default)).ShouldNotBeNull()).Sum(interval => interval.Length.Ticks));

    private Task PassAsync(int seconds) => _world.PassAsync(TimeSpan.FromSeconds(seconds), step: TimeSpan.FromSeconds(seconds > 100 ? 5 : 1));

    private async Task ReadyAsync()
    {
        await _world.AddModelAsync();
        await _world.CreateAsync("d", new() { BaseModel = "story-3m", MaxReplicaCount = 4 });
        await PassAsync(5);
        _world.Routed("d").Count.ShouldBe(1);
    }
}
