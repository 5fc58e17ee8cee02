using Stoker.Api.Problems;
using Stoker.Api.Resources;
using Stoker.ControlPlane.Capacity;
using Stoker.ControlPlane.Deployments;
using Stoker.ControlPlane.Replicas;

namespace Stoker.ControlPlane.Tests.Deployments;

/// <summary>A rolling update needs one replica more for a while: from whom it may be taken.</summary>
public sealed class UpdateSurgeTests : IAsyncDisposable
{
    private static readonly Region Iowa = Region.Parse("US_IOWA_1");
    private static readonly DeploymentResource OnH100 =
        new() { BaseModel = "story-3m", AcceleratorType = "NVIDIA_H100_80GB", MinReplicaCount = 1 };

    private static readonly DeploymentResource Rolling = new() { MaxContextLength = 64 };

    private readonly List<DeploymentWorld> _worlds = [];

    public async ValueTask DisposeAsync()
    {
        foreach (var world in _worlds) await world.DisposeAsync();
    }

    [Fact]
    public async Task What_is_reserved_for_others_is_no_room_for_an_update()
    {
        var world = await ReadyAsync();
        await world.ReserveAsync("beta", 3, AcceleratorType.H100, Iowa);
        var problem = (await world.TryUpdateAsync("d", Rolling)).Problem.ShouldNotBeNull();
        problem.Code.ShouldBe(Code.ResourceExhausted);
        problem.Message.ShouldContain("it needs 1 NVIDIA_H100_80GB, 3 are free, of which 3 are reserved for others; there is 4 NVIDIA_H100_80GB (emulated) in US_IOWA_1");
        problem.Message.ShouldContain("`firectl update deployment d --min-replica-count 0` and `firectl scale deployment d --replica-count 0`");
        (await world.TryUpdateAsync("d", new() { DisplayName = "needs no room", MaxReplicaCount = 2 })).Problem.ShouldBeNull();

        await world.EndReservationAsync("beta");
        await world.UpdateAsync("d", Rolling);
        await world.PassAsync(5);
        world.Runtime.Running.Single().ContextLength.ShouldBe(64);
    }

    [Fact]
    public async Task A_quota_that_is_used_up_is_no_room_for_an_update()
    {
        var world = await ReadyAsync(new() { QuotaPerType = 1 });
        var problem = (await world.TryUpdateAsync("d", Rolling)).Problem.ShouldNotBeNull();
        problem.Code.ShouldBe(Code.ResourceExhausted);
        problem.Message.ShouldContain("the quota has no room for it: global--h100-count for account acme, in use: 1, quota: 1, requesting: 1");
        problem.Message.ShouldContain("firectl scale deployment d --replica-count 0");
        (await world.GetAsync("d")).Spec.MaxContextLength.ShouldBe(0);

        await world.LimitAsync("acme", AcceleratorType.H100, 2);
        await world.UpdateAsync("d", Rolling);
        await world.PassAsync(5);
        world.Runtime.Running.Single().ContextLength.ShouldBe(64);
    }

    [Fact]
    public async Task What_the_account_itself_reserved_is_room_also_while_others_have_it()
    {
        var world = await ReadyAsync(new() { BorrowReserved = true, QuotaPerType = 3 });
        await world.ReserveAsync("acme", 4, AcceleratorType.H100, Iowa); // which raises the quota too
        await world.CreateOfAsync("beta", "borrower", OnH100 with { MinReplicaCount = 3 });
        await world.PassAsync(3);
        world.Runtime.Running.Count().ShouldBe(4);
        await world.UpdateAsync("d", Rolling);
        await world.PassAsync(8);
        var updated = await world.GetAsync("d");
        (updated.Status.State, updated.Spec.MaxContextLength).ShouldBe((DeploymentState.Ready, 64));
        world.Routed("d").Count.ShouldBe(1);
    }

    private async Task<DeploymentWorld> ReadyAsync(CapacityOptions? capacity = null)
    {
        var world = new DeploymentWorld(
            new Inventory([new(Iowa, AcceleratorType.H100, 4, [], 1 << 30) { EmulatedBy = Inventory.Simulated }]), capacity);
        _worlds.Add(world);
        await world.AddModelAsync();
        await world.CreateAsync("d", OnH100);
        await world.PassAsync(3);
        (await world.GetAsync("d")).Status.Replicas.Single().State.ShouldBe(ReplicaState.Ready);
        return world;
    }
}
