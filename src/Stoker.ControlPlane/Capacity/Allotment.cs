namespace Stoker.ControlPlane.Capacity;

/// <summary>What one replica needs.</summary>
public sealed record CapacityRequest(PlacementRule Placement, AcceleratorType Type, int Count);

/// <summary>The slots that one replica occupies, from before its start until it was observed gone.</summary>
public sealed record Allotment(Region Region, AcceleratorType Type, IReadOnlyList<int> Slots);
