using Stoker.Api.Names;
using Stoker.ControlPlane.Runtimes;

namespace Stoker.ControlPlane.Capacity;

/// <summary>What one replica needs.</summary>
public sealed record CapacityRequest(PlacementRule Placement, AcceleratorType Type, int Count);

/// <summary>The slots that one replica occupies, from before its start until it was observed gone.</summary>
public sealed record Allotment(Region Region, AcceleratorType Type, IReadOnlyList<int> Slots);

/// <summary>Slots with the replica that occupies them, and whose it is.</summary>
/// <param name="Account">Null for a replica that belongs to nobody any more.</param>
/// <param name="Since">When the replica was first wanted; what is there longest is given back last.</param>
/// <param name="Draining">On its way out, so that its slots come free.</param>
public sealed record Holding(AccountName? Account, ReplicaId Replica, Allotment Allotment, DateTimeOffset Since, bool Draining)
{
    public int Count => Allotment.Slots.Count;

    internal bool IsIn(Region region, AcceleratorType type) => Allotment.Region == region && Allotment.Type == type;
}

/// <summary>A replica that waits for capacity.</summary>
public sealed record CapacityClaim(AccountName Account, CapacityRequest Request);
