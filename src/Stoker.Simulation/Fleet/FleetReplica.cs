using Stoker.ControlPlane.Capacity;
using Stoker.ControlPlane.Routing;
using Stoker.Replica.Simulated;

namespace Stoker.Simulation.Fleet;

internal enum FleetReplicaState
{
    Starting,
    Ready,

    /// <summary>Out of the routing table; it ends with its last request.</summary>
    Draining,
    Gone,
}

/// <summary>One replica of a run: its place in the router's table and the model of its times.</summary>
internal sealed class FleetReplica(int number, ReplicaModelOptions options, Allotment allotment, TimeSpan orderedAt)
{
    public int Number => number;

    public Allotment Allotment => allotment;

    public TimeSpan OrderedAt => orderedAt;

    public ReplicaTarget Target { get; } = new($"replica-{number}", address: null, $"/{number}", options.Slots) { CacheTokens = options.PrefixCacheTokens };

    public ReplicaModel Model { get; } = new(options);

    /// <summary>The requests under way by the model's sequence.</summary>
    public Dictionary<int, (int Request, ReplicaLease Place)> Running { get; } = [];

    /// <summary>Of prompts that were sent to it and of whose first token the router has no news.</summary>
    public long OwedTokens { get; set; }

    public FleetReplicaState State { get; set; }

    /// <summary>Null while it starts, and for ever when it was given up before.</summary>
    public TimeSpan? ReadyAt { get; set; }

    /// <summary>When the event is due that stands in the queue for it; another one is stale.</summary>
    public TimeSpan? TokenAt { get; set; }
}
