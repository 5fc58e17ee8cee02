using Stoker.Api.Names;
using Stoker.ControlPlane.Routing;

namespace Stoker.Simulation.Fleet;

/// <summary>The gateway's own choice of a replica, over the replicas of a run.</summary>
internal sealed class FleetRouter
{
    private readonly List<ReplicaTarget> _ready = [];
    private Route _route = new(
        DeploymentName.Parse("accounts/simulated/deployments/trace"),
        ModelName.Parse("accounts/simulated/models/trace"),
        "trace",
        DateTimeOffset.UnixEpoch,
        Waiting.Starting,
        Detail: null,
        new ModelCard(null, null, SupportsChat: false, SupportsTools: false, SupportsImageInput: false),
        Ready: []);

    public int ReadyCount => _ready.Count;

    public void Add(ReplicaTarget replica)
    {
        _ready.Add(replica);
        _route = _route with { Ready = [.. _ready] };
    }

    public void Remove(ReplicaTarget replica)
    {
        _ready.Remove(replica);
        _route = _route with { Ready = [.. _ready] };
    }

    /// <summary>
    /// A place on the replica with the fewest requests, for a new one and for a held one alike; null while none can run
    /// it at once.
    /// </summary>
    public ReplicaLease? PickFree() => _route.PickFree();
}
