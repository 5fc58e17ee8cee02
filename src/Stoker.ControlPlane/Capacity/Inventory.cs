namespace Stoker.ControlPlane.Capacity;

/// <summary>The accelerators of one type in one region.</summary>
/// <param name="Count">How many replicas' worth of slots there are; slots are numbered from 0.</param>
/// <param name="Cores">The core of each slot where replicas are pinned to cores, else empty.</param>
/// <param name="MemoryBytesPerSlot">The memory that goes with one accelerator, in bytes.</param>
public sealed record CapacityPool(Region Region, AcceleratorType Type, int Count, IReadOnlyList<int> Cores, long MemoryBytesPerSlot)
{
    /// <summary>The engine that stands in for accelerators that are not there; null where they are.</summary>
    public string? EmulatedBy { get; init; }

    public bool IsEmulated => EmulatedBy is not null;

    public override string ToString() => $"{Count} {Type}{(IsEmulated ? " (emulated)" : "")} in {Region}";
}

/// <summary>Everything there is, used or not. At most one pool per region and type.</summary>
public sealed record Inventory(IReadOnlyList<CapacityPool> Pools)
{
    /// <summary>Of emulated accelerators, whose replicas are then simulated.</summary>
    public const string Simulated = "simulated";

    private readonly AcceleratorType? _defaultType;

    /// <summary>
    /// What a deployment gets that names no type: the configured one, else the first type of the inventory.
    /// </summary>
    public AcceleratorType DefaultType
    {
        get => _defaultType ?? Pools[0].Type;
        init => _defaultType = value;
    }

    public SimulatedReplicas SimulatedReplicas { get; init; } = new(TimeSpan.Zero, TokensPerSecond: 50);

    /// <summary>Whether replicas on this type need no weights, being simulated wherever there is any.</summary>
    public bool IsSimulated(AcceleratorType type) =>
        Pools.Any(pool => pool.Type == type) && Pools.All(pool => pool.Type != type || pool.EmulatedBy == Simulated);

    /// <summary>For messages.</summary>
    public string RegionNames => string.Join(", ", Pools.Select(pool => pool.Region.Name).Distinct());

    public bool Has(Region region) => Pools.Any(pool => pool.Region == region);

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

    public override string ToString() => string.Join(", ", Pools);
}
