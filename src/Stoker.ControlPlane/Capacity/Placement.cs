namespace Stoker.ControlPlane.Capacity;

/// <summary>Where the next replica goes: a pure function of what there is, what is taken and what is asked.</summary>
public static class Placement
{
    /// <summary>
    /// The slots for a replica, or null when none are free. The preferred region comes first, then the region with most
    /// free slots, then the first by name; within a region the lowest free slots.
    /// </summary>
    /// <param name="withheld">Slots of each pool that are free and yet not for this request; null for none.</param>
    public static Allotment? TryPlace(
        Inventory inventory, IEnumerable<Allotment> taken, CapacityRequest request, Region? preferred = null, Withheld? withheld = null)
    {
        var occupied = taken.Where(allotment => allotment.Type == request.Type).ToLookup(allotment => allotment.Region, allotment => allotment.Slots);
        return inventory.Pools
            .Where(pool => pool.Type == request.Type && request.Placement.Allows(pool.Region))
            .Select(pool => (pool.Region, Slots: Free(pool, occupied[pool.Region]), Kept: withheld?.Of(pool, request.Count) ?? 0))
            .Where(candidate => candidate.Slots.Count - candidate.Kept >= request.Count)
            .OrderByDescending(candidate => candidate.Region == preferred)
            .ThenByDescending(candidate => candidate.Slots.Count - candidate.Kept)
            .ThenBy(candidate => candidate.Region.Name, StringComparer.Ordinal)
            .Select(candidate => new Allotment(candidate.Region, request.Type, [.. candidate.Slots.Take(request.Count)]))
            .FirstOrDefault();
    }

    /// <summary>Slots of the type that the request could use, summed over its regions; for messages.</summary>
    public static int FreeCount(Inventory inventory, IEnumerable<Allotment> taken, CapacityRequest request, Withheld? withheld = null)
    {
        var occupied = taken.Where(allotment => allotment.Type == request.Type).ToLookup(allotment => allotment.Region, allotment => allotment.Slots);
        return inventory.Pools
            .Where(pool => pool.Type == request.Type && request.Placement.Allows(pool.Region))
            .Sum(pool => Math.Max(0, Free(pool, occupied[pool.Region]).Count - (withheld?.Of(pool, request.Count) ?? 0)));
    }

    private static List<int> Free(CapacityPool pool, IEnumerable<IReadOnlyList<int>> occupied)
    {
        var used = new bool[pool.Count];
        foreach (var slots in occupied)
        {
            foreach (var slot in slots)
            {
                if ((uint)slot < (uint)used.Length) used[slot] = true; // else of an inventory that was larger
            }
        }

        var free = new List<int>();
        for (var slot = 0; slot < used.Length; slot++)
        {
            if (!used[slot]) free.Add(slot);
        }

        return free;
    }
}
