namespace Stoker.ControlPlane.Capacity;

/// <summary>The accelerators of one type in one region.</summary>
/// <param name="Count">How many replicas' worth of slots there are; slots are numbered from 0.</param>
/// <param name="Cores">The core of each slot where replicas are pinned to cores, else empty.</param>
/// <param name="MemoryBytesPerSlot">The memory that goes with one accelerator, in bytes.</param>
public sealed record CapacityPool(Region Region, AcceleratorType Type, int Count, IReadOnlyList<int> Cores, long MemoryBytesPerSlot);

/// <summary>Everything there is, used or not. At most one pool per region and type.</summary>
public sealed record Inventory(IReadOnlyList<CapacityPool> Pools)
{
    /// <summary>What a deployment gets that names no type: the first type of the inventory.</summary>
    public AcceleratorType DefaultType => Pools[0].Type;

    public CapacityPool? Find(Region region, AcceleratorType type) =>
        Pools.FirstOrDefault(pool => pool.Region == region && pool.Type == type);

    /// <summary>
    /// Why a replica of this shape can never run here, or null when it can once its capacity is free.
    /// </summary>
    public string? WhyNever(CapacityRequest request)
    {
        var there = Pools.Where(pool => pool.Type == request.Type && request.Placement.Allows(pool.Region)).ToList();
        if (there.Count == 0) return $"no region of {request.Placement} has {request.Type}; there is {this}";
        var largest = there.Max(pool => pool.Count);
        return largest < request.Count ? $"a replica needs {request.Count} {request.Type} in one region, the largest has {largest}; there is {this}" : null;
    }

    public override string ToString() =>
        string.Join(", ", Pools.Select(pool => $"{pool.Count} {pool.Type} in {pool.Region}"));
}
