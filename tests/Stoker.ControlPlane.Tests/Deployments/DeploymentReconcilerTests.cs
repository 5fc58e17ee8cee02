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
}
