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

    private static async Task<ReplicaInterval> IntervalAsync(DeploymentWorld world) =>
        ReplicaInterval.From(await world.LedgerStore.ReadAsync(DeploymentWorld.Name("d"), TestContext.Current.CancellationToken)).ShouldHaveSingleItem();
}
