using Stoker.Api.Names;
using Stoker.ControlPlane.Capacity;
using Stoker.ControlPlane.Deployments;
using Stoker.ControlPlane.Reconciling;

namespace Stoker.ControlPlane.Tests.Deployments;

/// <summary>What a fleet costs in which nothing happens: exact counts of what is asked of the store.</summary>
public sealed class FleetCostTests : IAsyncLifetime
{
    private const int Count = 20;
    private readonly DeploymentWorld _world = new(slots: 2 * Count);

    public async ValueTask InitializeAsync()
    {
        await _world.AddModelAsync();
        for (var i = 0; i < Count; i++) await _world.CreateAsync($"d-{i}", new() { BaseModel = "story-3m", MinReplicaCount = 2, MaxReplicaCount = 2 });
        await _world.PassAsync(40); // ready, and past the time in which a start may yet count as failed
        (await _world.GetAsync("d-0")).Status.State.ShouldBe(DeploymentState.Ready);
        _world.Rows.Clear();
    }

    public ValueTask DisposeAsync() => _world.DisposeAsync();

    [Fact]
    public async Task A_look_at_a_settled_deployment_asks_for_its_row_its_model_and_whether_the_terms_changed_and_writes_nothing()
    {
        await _world.SettleOneAsync("d-7");
        _world.Rows.Calls.ShouldBe(["find deployments", "find models", "revision reservations", "revision quotas"]);
    }

    [Fact]
    public async Task Looks_do_not_list_and_do_not_write_however_many_deployments_there_are()
    {
        await _world.SettleAsync();
        _world.Rows.Calls.Where(call => call is not "changes deployments") // the one with which this test looks for all names
            .GroupBy(call => call).ToDictionary(group => group.Key, group => group.Count())
            .ShouldBe(
                new Dictionary<string, int> { ["find deployments"] = Count, ["find models"] = Count, ["revision reservations"] = Count, ["revision quotas"] = Count },
                ignoreOrder: true);
    }

    [Fact]
    public async Task A_minute_of_idleness_publishes_no_routes_and_writes_no_rows()
    {
        var published = _world.Directory.Current;
        await _world.PassAsync(60);
        _world.Directory.Current.ShouldBeSameAs(published);
        _world.Rows.Calls.ShouldAllBe(call => call.StartsWith("find ", StringComparison.Ordinal) || call.StartsWith("revision ", StringComparison.Ordinal) || call == "changes deployments");
    }

    [Fact]
    public async Task An_hour_of_idleness_writes_no_window_again()
    {
        await _world.Windows.SaveAsync(TestContext.Current.CancellationToken);
        var written = _world.Scalings.ReadWindows().Windows;
        written.Count.ShouldBe(Count);
        await _world.PassAsync(TimeSpan.FromHours(1), TimeSpan.FromSeconds(10));
        await _world.Windows.SaveAsync(TestContext.Current.CancellationToken);
        var stored = _world.Scalings.ReadWindows();
        stored.Windows.Select(window => window.LastSecond).ShouldBe(written.Select(window => window.LastSecond));
        stored.EmptyUntil.ShouldNotBeNull().LastSecond.ShouldBeGreaterThanOrEqualTo(written[0].LastSecond + 3_590);
    }

    [Fact]
    public async Task A_sweep_looks_at_each_deployment_once_however_fast_the_looks_are()
    {
        var (_, stored) = await _world.Store.ListAsync(account: null, TestContext.Current.CancellationToken);
        var looks = new List<DeploymentName>();
        using var queue = new WorkQueue<DeploymentName>(_world.Time);
        _world.Runtime.WhileListed = TakeAll;
        await _world.Reconciler.SweepAsync(stored, queue, TestContext.Current.CancellationToken);
        TakeAll();
        looks.ShouldBe(stored.Select(item => item.Deployment.Name), ignoreOrder: true);

        void TakeAll()
        {
            while (queue.TryTake(out var name)) looks.Add(name);
        }
    }

    [Fact]
    public async Task One_change_costs_the_others_nothing()
    {
        var before = _world.Directory.Current.Routes;
        await _world.UpdateAsync("d-3", new() { DisplayName = "changed" }, "display_name");
        await _world.UpdateAsync("d-3", new() { MinReplicaCount = 1, MaxReplicaCount = 1 }, "min_replica_count,max_replica_count");
        await _world.PassAsync(3);
        var after = _world.Directory.Current.Routes;
        after[DeploymentWorld.Name("d-3")].Ready.Count.ShouldBe(1);
        foreach (var (name, route) in before)
        {
            if (name != DeploymentWorld.Name("d-3")) after[name].ShouldBeSameAs(route);
        }

        _world.Rows.Calls.ShouldNotContain("list deployments");
    }

    [Fact]
    public async Task A_limit_that_changed_is_known_at_the_next_look()
    {
        await _world.CreateAsync("one-more");
        await WaitsForAsync("capacity");
        await _world.LimitAsync("acme", AcceleratorType.Cpu, 2 * Count);
        await WaitsForAsync("quota");
        await _world.LimitAsync("acme", AcceleratorType.Cpu, (2 * Count) + 1);
        await WaitsForAsync("capacity");

        async Task WaitsForAsync(string what)
        {
            await _world.SettleOneAsync("one-more");
            (await _world.GetAsync("one-more")).Status.Condition.ShouldNotBeNull().Message.ShouldContain($"wait for {what}");
        }
    }
}
