using Microsoft.Extensions.Logging;
using Stoker.Replica.Engines;
using Stoker.Replica.Hosting;

namespace Stoker.Replica.Endpoints;

/// <summary>What all endpoints of one replica share.</summary>
internal sealed record ReplicaContext
{
    public required string ReplicaId { get; init; }

    /// <summary>The name that requests must ask for and that answers carry.</summary>
    public required string ServedModelName { get; init; }

    public required EngineSlot Slot { get; init; }

    public required Admission Admission { get; init; }

    public required Lease Lease { get; init; }

    public required ILogger Log { get; init; }

    public required TimeProvider Time { get; init; }

    public required RecentRequests Recent { get; init; }

    /// <summary>When the model began to be served; the <c>created</c> of the model list.</summary>
    public required DateTimeOffset Started { get; init; }

    /// <summary>Ends the replica with its last stream.</summary>
    public required Action Drain { get; init; }
}
