using Stoker.ControlPlane.Tests.Deployments;

namespace Stoker.ControlPlane.Tests.Addons;

/// <summary>States of addons that end, whatever becomes of replicas and deployments.</summary>
public sealed class AddonEndTests : IAsyncDisposable
{
    private readonly AddonWorld _world = new();

    public ValueTask DisposeAsync() => _world.DisposeAsync();

    [Fact]
    public async Task A_replica_that_never_says_what_it_has_ends_in_a_failure_and_is_waited_for_no_more()
    {
        await _world.DeployAsync(replicas: 1);
        await _world.AddAddonAsync("zog");
        var replica = _world.Ready("d").Single();
        _world.World.Runtime.Silent.Add(replica);
        await _world.LoadAsync("zog");
        await _world.PassAsync(60);

        (await _world.GetAsync("zog")).State.ShouldBe("FAILED");
        (await _world.GetAsync("zog")).Status.ShouldNotBeNull().Message.ShouldNotBeNull().ShouldContain("did not say in 5 questions");
        _world.World.Directory.Addons.Of(DeploymentWorld.Name("d")).IsFilled(replica).ShouldBeTrue();
        _world.World.Runtime.AddonCalls.Count.ShouldBeLessThan(10); // less and less often

        _world.World.Runtime.Silent.Clear();
        await _world.PassAsync(120);
        (await _world.GetAsync("zog")).State.ShouldBe("DEPLOYED");

        _world.World.Runtime.Crash(replica);
        await _world.PassAsync(1.5);
        await _world.World.PassAsync(5);
        var next = _world.Ready("d").Single();
        _world.World.Runtime.Silent.Add(next);
        await _world.PassAsync(60);
        await _world.UnloadAsync("zog");
        (await _world.FindAsync("zog")).ShouldBeNull();
    }

    [Fact]
    public async Task One_that_failed_is_waited_for_at_zero_and_the_next_replica_tries_anew()
    {
        await _world.DeployAsync(replicas: 0);
        await _world.AddAddonAsync("zog");
        _world.World.Load("d").Held();
        _world.World.Runtime.BadFolders["/addons/zog"] = "cut off";
        await _world.PassAsync(5);
        await _world.LoadAsync("zog");
        await _world.PassAsync(60);
        (await _world.GetAsync("zog")).State.ShouldBe("FAILED");
        _world.Route("zog").ShouldNotBeNull().Failure.ShouldNotBeNull().ShouldContain("cut off");

        _world.World.Load("d").Released();
        await _world.World.PassAsync(TimeSpan.FromHours(2), TimeSpan.FromMinutes(1)); // long idle: at zero
        await _world.SettleAsync();
        _world.Ready("d").ShouldBeEmpty();
        (await _world.GetAsync("zog")).State.ShouldBe("FAILED");
        _world.Route("zog").ShouldNotBeNull().Failure.ShouldBeNull(); // its requests wait and wake

        _world.World.Runtime.BadFolders.Clear();
        _world.World.Load("d").Held();
        await _world.PassAsync(10);
        (await _world.GetAsync("zog")).State.ShouldBe("DEPLOYED");
    }

    [Fact]
    public async Task After_a_rollback_to_replicas_that_take_none_every_state_comes_to_an_end()
    {
        await _world.World.AddModelAsync();
        await _world.World.CreateAsync("d", new() { BaseModel = "story-3m", MinReplicaCount = 0, MaxReplicaCount = 1 });
        await _world.PassAsync(10);
        await _world.World.PassAsync(TimeSpan.FromHours(2), TimeSpan.FromMinutes(1)); // long idle: at zero
        await _world.World.UpdateAsync("d", new() { EnableAddons = true }, "enable_addons");
        await _world.PassAsync(2);
        await _world.AddAddonAsync("zog");
        await _world.LoadAsync("zog");
        (await _world.GetAsync("zog")).State.ShouldBe("DEPLOYED");

        _world.World.Runtime.AddonStartFailure = "the pool does not fit";
        _world.World.Load("d").Held();
        await _world.World.PassAsync(TimeSpan.FromMinutes(30), TimeSpan.FromSeconds(5));
        await _world.PassAsync(60);

        (await _world.World.GetAsync("d")).Spec.EnableAddons.ShouldBeFalse(); // rolled back
        var replica = _world.Ready("d").Single();
        (await _world.GetAsync("zog")).State.ShouldBe("FAILED");
        (await _world.GetAsync("zog")).Status.ShouldNotBeNull().Message.ShouldNotBeNull().ShouldContain("takes no addons");
        _world.World.Directory.Addons.Of(DeploymentWorld.Name("d")).IsFilled(replica).ShouldBeTrue(); // later updates end
        var calls = _world.World.Runtime.AddonCalls.Count;
        await _world.PassAsync(60);
        _world.World.Runtime.AddonCalls.Count.ShouldBe(calls);
        await _world.UnloadAsync("zog");
        (await _world.FindAsync("zog")).ShouldBeNull();
    }
}
