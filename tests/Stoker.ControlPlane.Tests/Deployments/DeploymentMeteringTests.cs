using Stoker.ControlPlane.Capacity;
using Stoker.ControlPlane.Metering;
using Stoker.ControlPlane.Storage;

namespace Stoker.ControlPlane.Tests.Deployments;

/// <summary>Deployments' lives as the ledger has them: real store and reconciler, fake replicas, a manual clock.</summary>
public sealed class DeploymentMeteringTests : IAsyncDisposable
{
    private readonly DeploymentWorld _world = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public ValueTask DisposeAsync() => _world.DisposeAsync();

    [Fact]
    public async Task Each_replica_is_paid_for_from_ready_to_gone()
    {
        await _world.AddModelAsync();
        await _world.CreateAsync("d", new() { BaseModel = "story-3m", AcceleratorCount = 2 });
        await _world.PassAsync(2); // boot
        await _world.PassAsync(100);
        await _world.ScaleAsync("d", 0);
        await _world.PassAsync(60); // a drain of 1 s

        var interval = (await IntervalsAsync()).ShouldHaveSingleItem();
        interval.IsOpen.ShouldBeFalse();
        interval.Length.TotalSeconds.ShouldBeInRange(100, 101.5); // the tests look twice a second
        interval.AcceleratorTime.ShouldBe(interval.Length * 2);
        interval.What.DeploymentTime.ShouldBe((await _world.GetAsync("d")).CreateTime);
        LedgerCheck.Verify(await ReadAsync()).ShouldBeEmpty();
    }

    [Fact]
    public async Task A_parked_deployment_costs_nothing()
    {
        await _world.AddModelAsync();
        await _world.CreateAsync("d", new() { BaseModel = "story-3m", MaxReplicaCount = 0 });
        await _world.PassAsync(60);
        (await ReadAsync()).Events.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_start_that_fails_costs_nothing()
    {
        await _world.AddModelAsync();
        _world.Runtime.StartFailure = "no";
        await _world.CreateAsync("d");
        await _world.PassAsync(60);
        (await ReadAsync()).Events.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_replica_is_in_the_ledger_when_requests_can_reach_it()
    {
        await _world.AddModelAsync();
        await _world.CreateAsync("d");
        var routedBefore = new List<int>();
        _world.LedgerStore.Writing = write =>
        {
            if (write.Events.Any(written => written.Kind == LedgerEventKind.Ready)) routedBefore.Add(_world.Routed("d").Count);
        };
        await _world.PassAsync(2);
        _world.Routed("d").ShouldHaveSingleItem();
        routedBefore.ShouldBe([0]);
    }

    [Fact]
    public async Task A_ledger_that_cannot_be_written_keeps_no_replica_from_serving()
    {
        await _world.AddModelAsync();
        await _world.CreateAsync("d");
        _world.LedgerStore.Writing = _ => throw new StorageException(StorageFault.Full, "full");
        await _world.PassAsync(20);
        _world.Routed("d").ShouldHaveSingleItem();

        _world.LedgerStore.Writing = _ => { };
        await _world.PassAsync(10);
        (await IntervalsAsync()).ShouldHaveSingleItem().Length.TotalSeconds.ShouldBeInRange(22, 28.5); // from the first second on
    }

    [Fact]
    public async Task A_killed_replica_ends_and_its_successor_begins_without_an_overlap()
    {
        await ReadyAsync("d");
        await _world.PassAsync(30);
        _world.Runtime.Crash(_world.Routed("d").Single().Id);
        await _world.PassAsync(30);

        var intervals = await IntervalsAsync();
        intervals.Select(interval => interval.IsOpen).ShouldBe([false, true]);
        intervals[1].StartTime.ShouldBeGreaterThan(intervals[0].EndTime);
        LedgerCheck.Verify(await ReadAsync()).ShouldBeEmpty();
    }

    [Fact]
    public async Task A_restart_of_the_server_is_no_end()
    {
        await ReadyAsync("d");
        await _world.PassAsync(20);
        await _world.RestartServerAsync();
        await _world.PassAsync(20);
        (await IntervalsAsync()).ShouldHaveSingleItem().Length.TotalSeconds.ShouldBeInRange(35, 41);
        LedgerCheck.Verify(await ReadAsync()).ShouldBeEmpty();
    }

    [Fact]
    public async Task What_the_replicas_of_a_removed_deployment_cost_is_closed_too()
    {
        await ReadyAsync("d");
        await _world.PassAsync(10);
        await _world.DeleteAsync("d", hard: true);
        await _world.PassAsync(20);
        (await _world.FindAsync("d")).ShouldBeNull();
        (await IntervalsAsync()).ShouldHaveSingleItem().IsOpen.ShouldBeFalse();

        // The name starts at zero again.
        var first = (await ReadAsync()).Events[0].What.DeploymentTime;
        await _world.CreateAsync("d");
        await _world.PassAsync(10);
        var totals = new UsageTotals(_world.LedgerStore);
        await totals.RefreshAsync(Cancellation);
        var second = (await _world.GetAsync("d")).CreateTime;
        totals.Of(DeploymentWorld.Name("d"), second).ReplicaTime.ShouldBeLessThan(totals.Of(DeploymentWorld.Name("d"), first).ReplicaTime);
    }

    [Fact]
    public async Task Reserved_capacity_is_told_apart_for_as_long_as_it_is_reserved()
    {
        await ReadyAsync("d");
        await _world.PassAsync(20);
        await _world.ReserveAsync("acme", 1, AcceleratorType.Cpu, Region.Local, end: _world.Time.GetUtcNow().AddSeconds(40));
        await _world.PassAsync(80);

        var intervals = await IntervalsAsync();
        intervals.Select(interval => interval.What.Reserved).ShouldBe([false, true, false]);
        intervals[1].Length.TotalSeconds.ShouldBeInRange(39, 41); // the tests look twice a second
        intervals.Select(interval => interval.IsOpen).ShouldBe([false, false, true]);
        LedgerCheck.Verify(await ReadAsync()).ShouldBeEmpty();
    }

    [Fact]
    public async Task An_orderly_end_of_the_server_closes_what_it_stops()
    {
        await ReadyAsync("d");
        await _world.PassAsync(20);
        var running = _world.Time.GetUtcNow() - (await IntervalsAsync()).Single().StartTime;
        await _world.Ledger.KeepUntilAsync(_world.Runtime.ReleaseAsync(leaveReplicas: false, Cancellation), _world.Runtime.List);
        var interval = (await IntervalsAsync()).ShouldHaveSingleItem();
        (interval.IsOpen, interval.Length).ShouldBe((false, running));
    }

    private async Task ReadyAsync(string id)
    {
        await _world.AddModelAsync();
        await _world.CreateAsync(id);
        await _world.PassAsync(2);
        _world.Routed(id).ShouldHaveSingleItem();
    }

    private async Task<LedgerReading> ReadAsync() => (await _world.LedgerStore.ReadAsync(LedgerPlace.Start, Cancellation))!;

    private async Task<IReadOnlyList<ReplicaInterval>> IntervalsAsync() => ReplicaInterval.From(await ReadAsync());
}
