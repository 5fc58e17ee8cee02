using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Stoker.ControlPlane.Capacity;

/// <summary>Makes the inventory of a plain machine out of its options.</summary>
public static class InventorySource
{
    private const int UnpinnedSlotsPerCore = 4;

    /// <summary>The rest is for the server, the page cache and the system.</summary>
    private const double ReplicasShareOfMemory = 0.8;

    public static Inventory From(CapacityOptions options, Machine machine)
    {
        var slots = SlotCount(options, machine);
        var memory = (options.MemoryBytes ?? (long)(machine.MemoryBytes * ReplicasShareOfMemory)) / slots;
        if (options.Regions.Count == 0) return new([Pool(Region.Local, 0, slots)]);

        var (pools, next) = (new List<CapacityPool>(), 0);
        foreach (var (name, count) in options.Regions.OrderBy(region => region.Key, StringComparer.Ordinal))
        {
            pools.Add(Pool(Region.Parse(name), next, count));
            next += count;
        }

        return new(pools);

        CapacityPool Pool(Region region, int first, int count) =>
            new(region, AcceleratorType.Cpu, count, options.Pinned ? [.. machine.Cores.Skip(first).Take(count)] : [], memory);
    }

    public static int SlotCount(CapacityOptions options, Machine machine) =>
        options.Slots ?? machine.Cores.Count * (options.Pinned ? 1 : UnpinnedSlotsPerCore);

    public static IServiceCollection AddCapacity(this IServiceCollection services)
    {
        services.AddOptions<CapacityOptions>().BindConfiguration(CapacityOptions.Section).ValidateOnStart();
        services.AddSingleton<IValidateOptions<CapacityOptions>, CapacityOptionsValidator>();
        services.AddSingleton(Machine.Current);
        services.AddSingleton(provider =>
            From(provider.GetRequiredService<IOptions<CapacityOptions>>().Value, provider.GetRequiredService<Machine>()));
        return services;
    }
}
