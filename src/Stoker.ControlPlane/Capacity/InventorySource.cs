namespace Stoker.ControlPlane.Capacity;

/// <summary>Makes the inventory out of the options: this machine's cores, and what is emulated.</summary>
public static class InventorySource
{
    private const int UnpinnedSlotsPerCore = 4;

    /// <summary>The rest is for the server, the page cache and the system.</summary>
    private const double ReplicasShareOfMemory = 0.8;

    public static Inventory From(CapacityOptions options, Machine machine)
    {
        var slots = SlotCount(options, machine);
        var memory = (options.MemoryBytes ?? (long)(machine.MemoryBytes * ReplicasShareOfMemory)) / slots;
        return new([.. Real(options, machine, slots, memory), .. Emulated(options, memory)])
        {
            DefaultType = options.DefaultType is { Length: > 0 } type ? AcceleratorType.Parse(type) : AcceleratorType.Cpu,
            SimulatedReplicas = new(options.EmulatedBoot, options.EmulatedTokensPerSecond),
        };
    }

    public static int SlotCount(CapacityOptions options, Machine machine) =>
        options.Slots ?? machine.Cores.Count * (options.Pinned ? 1 : UnpinnedSlotsPerCore);

    private static IEnumerable<CapacityPool> Real(CapacityOptions options, Machine machine, int slots, long memory)
    {
        var next = 0;
        IEnumerable<KeyValuePair<string, int>> regions = options.Regions.Count == 0
            ? [KeyValuePair.Create(Region.Local.Name, slots)]
            : options.Regions.OrderBy(region => region.Key, StringComparer.Ordinal);
        foreach (var (name, count) in regions)
        {
            var cores = options.Pinned ? machine.Cores.Skip(next).Take(count).ToArray() : [];
            next += count;
            yield return new(Region.Parse(name), AcceleratorType.Cpu, count, cores, memory);
        }
    }

    /// <summary>
    /// One that our engine serves gets a CPU slot's share of the real memory for each of its accelerators.
    /// </summary>
    private static IEnumerable<CapacityPool> Emulated(CapacityOptions options, long memory) =>
        options.Emulated.OrderBy(region => region.Key, StringComparer.Ordinal).SelectMany(region => region.Value
            .Select(pool => (Type: AcceleratorType.Parse(pool.Key), Count: pool.Value))
            .OrderBy(pool => pool.Type.Name, StringComparer.Ordinal)
            .Select(pool => new CapacityPool(Region.Parse(region.Key), pool.Type, pool.Count, [], memory) { EmulatedBy = options.EmulatedEngine }));
}
