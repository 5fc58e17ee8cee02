using Stoker.ControlPlane.Deployments;
using Stoker.ControlPlane.Replicas;

namespace Stoker.ControlPlane.Tests.Deployments;

public sealed class KnownDeploymentsTests : IAsyncLifetime
{
    private readonly DeploymentWorld _world = new(slots: 3);
    private readonly KnownDeployments _known = new();
    private Deployment _two = null!;
    private Deployment _waiting = null!;

    public async ValueTask InitializeAsync()
    {
        await _world.AddModelAsync();
        await _world.CreateAsync("two", new() { BaseModel = "story-3m", MinReplicaCount = 2 });
        await _world.CreateAsync("waiting", new() { BaseModel = "story-3m", MinReplicaCount = 3 });
        await _world.PassAsync(3);
        (_two, _waiting) = (await _world.GetAsync("two"), await _world.GetAsync("waiting"));
        _known.Set(_two);
        _known.Set(_waiting);
    }

    public ValueTask DisposeAsync() => _world.DisposeAsync();

    [Fact]
    public void It_knows_what_all_hold_and_wait_for_together()
    {
        (_known.Holdings.Count, _known.Claims.Count, _known.Recorded.Count).ShouldBe((3, 2, 5));
        _known.Holdings.Select(holding => holding.Replica).ShouldBeSubsetOf(_known.Recorded);
    }

    [Fact]
    public void Nothing_is_added_up_again_while_nothing_is_given_or_given_back()
    {
        var (holdings, claims, recorded) = (_known.Holdings, _known.Claims, _known.Recorded);
        _known.Set(_two with { Generation = 9, Status = _two.Status with { Replicas = [.. _two.Status.Replicas], DesiredReplicas = 7 } });
        _known.Holdings.ShouldBeSameAs(holdings);
        _known.Claims.ShouldBeSameAs(claims);
        _known.Recorded.ShouldBeSameAs(recorded);
    }

    [Fact]
    public void A_replica_that_comes_goes_or_drains_shows_at_once()
    {
        _ = (_known.Holdings, _known.Claims, _known.Recorded);
        _known.Set(_two with { Status = _two.Status with { Replicas = [_two.Status.Replicas[0]] } });
        (_known.Holdings.Count, _known.Recorded.Count).ShouldBe((2, 4));
        _known.Set(_two with { Status = _two.Status with { Replicas = [.. _two.Status.Replicas.Select(replica => replica with { State = ReplicaState.Draining })] } });
        _known.Holdings.Count(holding => holding.Draining).ShouldBe(2);
        _known.Set(_waiting with { Status = _waiting.Status with { Replicas = [] } });
        _known.Claims.ShouldBeEmpty();
        _known.Remove(_two.Name).ShouldBeTrue();
        _known.Holdings.ShouldBeEmpty();
        _known.Remove(_two.Name).ShouldBeFalse();
    }
}
