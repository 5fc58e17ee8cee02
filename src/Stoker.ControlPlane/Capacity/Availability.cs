using Stoker.Api.Names;
using Stoker.Api.Resources;

namespace Stoker.ControlPlane.Capacity;

/// <summary>What an account could take now, as the wire shows it. Pure.</summary>
internal sealed class Availability(Inventory inventory, CapacityTerms terms, IReadOnlyList<Holding> held, DateTimeOffset now)
{
    public IEnumerable<RegionResource> Regions(AccountName account) => Accelerators(account)
        .GroupBy(accelerator => accelerator.Region)
        .Select(region => new RegionResource
        {
            Name = region.Key,
            AcceleratorTypes = [.. region.Select(accelerator => accelerator.AcceleratorType!)],
            AcceleratorCount = region.Sum(accelerator => accelerator.Count),
            AvailableCount = region.Sum(accelerator => accelerator.AvailableCount),
            Emulated = region.Any(accelerator => accelerator.Emulated == true) ? true : null,
        });

    public IEnumerable<AcceleratorResource> Accelerators(AccountName account)
    {
        var active = terms.Active(now);
        var withheld = ReservedCapacity.For(account, active, held, [], terms.BorrowReserved);
        return inventory.Pools.Select(pool => new AcceleratorResource
        {
            Name = $"{pool.Region}/{pool.Type}",
            AcceleratorType = pool.Type.Name,
            Region = pool.Region.Name,
            Count = pool.Count,
            AvailableCount = Available(account, pool, withheld),
            ReservedCount = active.Where(reservation => reservation.Account == account && reservation.IsOf(pool.Region, pool.Type)).Sum(reservation => reservation.Count),
            MemoryBytes = pool.Type.MemoryBytes > 0 ? pool.Type.MemoryBytes : pool.MemoryBytesPerSlot,
            Emulated = pool.IsEmulated ? true : null,
        });
    }

    private int Available(AccountName account, CapacityPool pool, Withheld withheld)
    {
        var free = pool.Count - held.Where(holding => holding.IsIn(pool.Region, pool.Type)).Sum(holding => holding.Count);
        var reserved = withheld.Own.GetValueOrDefault((pool.Region, pool.Type));
        var open = Math.Max(reserved, free - withheld.Slots.GetValueOrDefault((pool.Region, pool.Type)));
        var used = held.Where(holding => holding.Account == account && holding.Allotment.Type == pool.Type).Sum(holding => (long)holding.Count);
        var quota = terms.Limit(account, pool.Type, now) - used ?? long.MaxValue;
        return (int)Math.Clamp(Math.Min(Math.Min(open, free), quota), 0, pool.Count);
    }
}
