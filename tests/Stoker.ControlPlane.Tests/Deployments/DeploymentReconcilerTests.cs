using Stoker.ControlPlane.Metering;

namespace Stoker.ControlPlane.Tests.Deployments;

public class DeploymentReconcilerTests
{
    [Fact]
    public async Task A_server_without_the_lease_stops_no_replica_when_it_ends()
    {
        await using var world = new DeploymentWorld();
        await world.AddModelAsync();
        await world.CreateAsync("d");
        await world.SettleAsync();
        world.Runtime.Running.ShouldHaveSingleItem();

        await world.LoseLeaseToAnotherAsync();
        await world.Reconciler.StartAsync(TestContext.Current.CancellationToken);
        await world.Reconciler.StopAsync(TestContext.Current.CancellationToken);
        world.Runtime.Running.ShouldHaveSingleItem();
    }

    [Fact]
    public async Task A_server_with_the_lease_closes_the_ledger_of_what_it_stops()
    {
        await using var world = new DeploymentWorld();
        await world.AddModelAsync();
        await world.CreateAsync("d");
        await world.PassAsync(12);
        (await IntervalAsync(world)).IsOpen.ShouldBeTrue();

        var controls = world.Directory.Changed;
        await world.Reconciler.StartAsync(TestContext.Current.CancellationToken);
        await controls.WaitAsync(TestContext.Current.CancellationToken);
        await world.Reconciler.StopAsync(TestContext.Current.CancellationToken);
        (await IntervalAsync(world)).IsOpen.ShouldBeFalse();
    }

    [Fact]
    public async Task A_server_that_leaves_its_replicas_gives_the_controllers_away_before_its_streams_have_ended()
    {
        await using var world = new DeploymentWorld();
        await world.AddModelAsync();
        await world.CreateAsync("d");
        world.RuntimeOptions.LeaveReplicas = true;
        await world.StartControlAsync(TestContext.Current.CancellationToken);

        await world.Reconciler.StoppingAsync(TestContext.Current.CancellationToken); // the listener and its streams come after this
        (await world.HolderAsync()).ShouldBeNull();
        world.Runtime.Left.ShouldBe(true);

        await world.Reconciler.StopAsync(TestContext.Current.CancellationToken);
        world.Runtime.Running.ShouldHaveSingleItem();
        world.Reconciler.ExecuteTask.ShouldNotBeNull().IsFaulted.ShouldBeFalse();
    }

    [Fact]
    public async Task Held_requests_get_their_replica_before_the_controllers_are_given_away()
    {
        await using var world = new DeploymentWorld();
        world.RuntimeOptions.LeaveReplicas = true;
        await world.StartControlAsync(TestContext.Current.CancellationToken);
        var load = world.Board.Of(DeploymentWorld.Name("d"));
        load.Held();
        var stopping = world.Reconciler.StoppingAsync(TestContext.Current.CancellationToken);
        world.Time.Advance(TimeSpan.FromSeconds(1));
        stopping.IsCompleted.ShouldBeFalse();
        (await world.HolderAsync()).ShouldNotBeNull();

        load.Released();
        while (!stopping.IsCompleted) // whether its next look is armed yet, nobody can see
        {
            world.Time.Advance(TimeSpan.FromMilliseconds(100));
            await Task.Yield();
        }

        await stopping;
        (await world.HolderAsync()).ShouldBeNull();
        await world.Reconciler.StopAsync(TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task A_server_that_stops_its_replicas_controls_them_until_its_streams_have_ended()
    {
        await using var world = new DeploymentWorld();
        await world.AddModelAsync();
        await world.CreateAsync("d");
        await world.StartControlAsync(TestContext.Current.CancellationToken);
        await world.Reconciler.StoppingAsync(TestContext.Current.CancellationToken);
        (await world.HolderAsync()).ShouldNotBeNull();
        await world.Reconciler.StopAsync(TestContext.Current.CancellationToken);
        world.Runtime.Left.ShouldBe(false);
    }

    private static async Task<ReplicaInterval> IntervalAsync(DeploymentWorld world) =>
        ReplicaInterval.From(await world.LedgerStore.ReadAsync(DeploymentWorld.Name("d"), TestContext.Current.CancellationToken)).ShouldHaveSingleItem();
}
