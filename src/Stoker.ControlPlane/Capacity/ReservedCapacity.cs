using Stoker.Api.Names;
using Stoker.ControlPlane.Runtimes;

namespace Stoker.ControlPlane.Capacity;

/// <summary>Free slots of each pool that are kept for somebody else.</summary>
/// <param name="Slots">What is kept from a replica that its account has not reserved.</param>
/// <param name="Own">What is left of the account's own reservations: within them nothing is kept from it.</param>
public sealed record Withheld(
    IReadOnlyDictionary<(Region Region, AcceleratorType Type), int> Slots, IReadOnlyDictionary<(Region Region, AcceleratorType Type), int> Own)
{
    public static Withheld Nothing { get; } = new(new Dictionary<(Region, AcceleratorType), int>(), new Dictionary<(Region, AcceleratorType), int>());

    /// <summary>What is kept from a request for so many.</summary>
    public int Of(CapacityPool pool, int count)
    {
        var key = (pool.Region, pool.Type);
        return Own.GetValueOrDefault(key) >= count ? 0 : Slots.GetValueOrDefault(key);
    }

    /// <summary>The same after the account was given some.</summary>
    public Withheld After(Allotment allotment)
    {
        var key = (allotment.Region, allotment.Type);
        return Own.TryGetValue(key, out var left) ? this with { Own = new Dictionary<(Region, AcceleratorType), int>(Own) { [key] = left - allotment.Slots.Count } } : this;
    }
}

/// <summary>
/// What reservations mean for placement. Pure. Three rules make a reservation one that holds: no more is reserved than
/// there is at any moment; nobody else is given free slots that a reservation still has a claim to; and what others hold
/// although a reservation has a claim to it goes back when its account wants it.
/// </summary>
public static class ReservedCapacity
{
    /// <summary>The most that is reserved of one pool at any moment of a span.</summary>
    /// <param name="end">Null is for ever.</param>
    public static int Most(
        IEnumerable<Reservation> reservations, Region region, AcceleratorType type, DateTimeOffset start, DateTimeOffset? end)
    {
        var there = reservations.Where(other => other.IsOf(region, type) && !(other.EndTime <= start) && !(end <= other.StartTime)).ToList();

        // The sum only rises where one begins.
        return there.Select(other => other.StartTime).Append(start)
            .Where(moment => moment >= start)
            .Max(moment => there.Where(other => other.IsActive(moment)).Sum(other => other.Count));
    }

    /// <summary>What an account may not take though it is free.</summary>
    /// <param name="active">The reservations that hold now.</param>
    /// <param name="holdings">Everything that is held, by whomever.</param>
    /// <param name="waiting">Replicas that wait; only looked at when borrowing.</param>
    /// <param name="borrow">Others may use what is reserved until its account wants it.</param>
    public static Withheld For(
        AccountName account, IReadOnlyList<Reservation> active, IReadOnlyList<Holding> holdings, IReadOnlyList<CapacityClaim> waiting, bool borrow)
    {
        if (active.Count == 0) return Withheld.Nothing;
        var (kept, own) = (new Dictionary<(Region, AcceleratorType), int>(), new Dictionary<(Region, AcceleratorType), int>());
        foreach (var group in active.GroupBy(reservation => (reservation.Region, reservation.Type, reservation.Account)))
        {
            var (region, type, owner) = group.Key;
            var used = holdings.Where(holding => holding.Account == owner && holding.IsIn(region, type)).Sum(holding => holding.Count);
            var unused = Math.Max(0, group.Sum(reservation => reservation.Count) - used);
            if (owner == account)
            {
                own[(region, type)] = unused;
                continue;
            }

            if (borrow) unused = Math.Min(unused, waiting.Where(claim => claim.Account == owner && Suits(claim.Request, region, type)).Sum(claim => claim.Request.Count));
            kept[(region, type)] = kept.GetValueOrDefault((region, type)) + unused;
        }

        return new(kept, own);
    }

    /// <summary>
    /// Replicas that have to drain, so that those that wait and are within a reservation get their slots. Of what is not
    /// within a reservation itself, the newest goes first.
    /// </summary>
    public static IReadOnlySet<ReplicaId> ToGiveBack(
        Inventory inventory, IReadOnlyList<Reservation> active, IReadOnlyList<Holding> holdings, IReadOnlyList<CapacityClaim> waiting)
    {
        var (given, open) = (new HashSet<ReplicaId>(), waiting.ToList());
        var staying = holdings.Where(holding => !holding.Draining).ToList();
        var covered = Covered(active, staying);
        foreach (var pool in inventory.Pools)
        {
            var reserved = active.Where(reservation => reservation.IsOf(pool.Region, pool.Type))
                .GroupBy(reservation => reservation.Account).ToDictionary(group => group.Key, group => group.Sum(reservation => reservation.Count));
            if (reserved.Count == 0) continue;
            var held = staying.Where(holding => holding.IsIn(pool.Region, pool.Type)).ToList();
            var need = Entitle(pool, reserved, held, open) - (pool.Count - held.Sum(holding => holding.Count)); // what drains comes free
            foreach (var holding in Oldest(held.Where(holding => !covered.Contains(holding.Replica))).Reverse())
            {
                if (need <= 0) break;
                need -= holding.Count;
                given.Add(holding.Replica);
            }
        }

        return given;
    }

    /// <summary>
    /// Slots of a pool that those who wait may claim from their accounts' reservations; their claims are met by it and not
    /// open any more.
    /// </summary>
    private static int Entitle(CapacityPool pool, Dictionary<AccountName, int> reserved, List<Holding> held, List<CapacityClaim> open)
    {
        var entitled = 0;
        foreach (var (account, count) in reserved)
        {
            var left = count - held.Where(holding => holding.Account == account).Sum(holding => holding.Count);
            open.RemoveAll(claim =>
            {
                if (claim.Account != account || !Suits(claim.Request, pool.Region, pool.Type) || claim.Request.Count > left) return false;
                left -= claim.Request.Count;
                entitled += claim.Request.Count;
                return true;
            });
        }

        return entitled;
    }

    /// <summary>
    /// Replicas that run on what their account reserved: its oldest, as many as the reservation holds. One that is partly
    /// within it is not.
    /// </summary>
    public static IReadOnlySet<ReplicaId> Covered(IReadOnlyList<Reservation> active, IReadOnlyList<Holding> holdings)
    {
        var covered = new HashSet<ReplicaId>();
        if (active.Count == 0) return covered;
        var left = active.GroupBy(reservation => (reservation.Region, reservation.Type, reservation.Account))
            .ToDictionary(group => group.Key, group => group.Sum(reservation => reservation.Count));
        foreach (var holding in Oldest(holdings.Where(holding => holding.Account is not null)))
        {
            var key = (holding.Allotment.Region, holding.Allotment.Type, holding.Account!);
            if (left.GetValueOrDefault(key) < holding.Count) continue;
            left[key] -= holding.Count;
            covered.Add(holding.Replica);
        }

        return covered;
    }

    private static IEnumerable<Holding> Oldest(IEnumerable<Holding> holdings) =>
        holdings.OrderBy(holding => holding.Since).ThenBy(holding => holding.Replica.ToString(), StringComparer.Ordinal);

    private static bool Suits(CapacityRequest request, Region region, AcceleratorType type) =>
        request.Type == type && request.Placement.Allows(region);
}
