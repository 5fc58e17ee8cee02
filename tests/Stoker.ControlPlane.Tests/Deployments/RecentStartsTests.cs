using Stoker.Api.Resources;
using Stoker.ControlPlane.Replicas;

namespace Stoker.ControlPlane.Tests.Deployments;

/// <summary>What those who wait for a replica are told comes from here: how far it is, and how long starts take.</summary>
public sealed class RecentStartsTests : IAsyncDisposable
{
    private readonly DeploymentWorld _world = new();

    public ValueTask DisposeAsync() => _world.DisposeAsync();

    [Fact]
    public async Task A_start_is_followed_from_capacity_to_ready_and_its_time_is_kept()
    {
        await _world.AddModelAsync();
        await _world.CreateAsync("d");
        Outlook().ShouldBe(new(StartPhase.Starting, null, _world.Time.GetUtcNow(), Outlook().Recent));

        await _world.PassAsync(1);
        (Outlook().Phase, Outlook().Loaded).ShouldBe((StartPhase.Loading, 0.5));

        await _world.PassAsync(1);
        (await _world.GetAsync("d")).Status.RecentStarts.ShouldBe([TimeSpan.FromSeconds(2)]);
        (Outlook().Phase, Outlook().Since).ShouldBe((StartPhase.Scheduling, null));
        Outlook().Recent.ShouldBe([TimeSpan.FromSeconds(2)]);
    }

    [Fact]
    public async Task The_last_five_starts_are_kept_over_a_restart_of_the_server()
    {
        await _world.AddModelAsync();
        await _world.CreateAsync("d");
        await _world.PassAsync(2);
        for (var boot = 3; boot <= 8; boot++)
        {
            _world.Runtime.Boot = TimeSpan.FromSeconds(boot);
            _world.Runtime.Crash(_world.Routed("d").Single().Id);
            await _world.PassAsync(40); // and long enough for the failure to be forgotten
        }

        await _world.RestartServerAsync();

        Outlook().Recent.Select(start => start.TotalSeconds).ShouldBe([4, 5, 6, 7, 8]);
    }

    [Fact]
    public async Task The_time_a_replica_waited_for_capacity_is_not_its_start()
    {
        await _world.AddModelAsync();
        await _world.CreateAsync("first", new() { BaseModel = "story-3m", AcceleratorCount = 2 });
        await _world.CreateAsync("d");
        await _world.PassAsync(30);
        (Outlook().Phase, Outlook().Since).ShouldBe((StartPhase.Scheduling, null));

        await _world.DeleteAsync("first", hard: true);
        await _world.PassAsync(10);

        (await _world.GetAsync("d")).Status.RecentStarts.ShouldBe([TimeSpan.FromSeconds(2)]);
    }

    [Fact]
    public async Task The_gateway_learns_how_much_to_hold_and_whether_the_deployment_is_parked()
    {
        await _world.AddModelAsync();
        await _world.CreateAsync("d", new() { BaseModel = "story-3m", StokerHold = new() { MaxRequests = 5 } });
        var route = _world.Directory.Current.Routes[DeploymentWorld.Name("d")];
        (route.MaxReplicas, route.Hold.MaxRequests, route.BrokenStreams).ShouldBe((1, 5, BrokenStreams.Resume));

        await _world.UpdateAsync(
            "d", new DeploymentResource { StokerHold = new() { Timeout = "60s" }, StokerBrokenStreams = "ERROR", MaxReplicaCount = 0 },
            "stoker_hold.timeout,stoker_broken_streams,max_replica_count");

        route = _world.Directory.Current.Routes[DeploymentWorld.Name("d")];
        (route.MaxReplicas, route.Hold, route.BrokenStreams).ShouldBe((0, new HoldLimits(5, null, TimeSpan.FromSeconds(60)), BrokenStreams.Error));
    }

    private StartOutlook Outlook() => _world.Directory.Starts.Of(DeploymentWorld.Name("d"));
}
