using Stoker.Api.Names;
using Stoker.ControlPlane.Runtimes;

namespace Stoker.ControlPlane.Capacity;

/// <summary>What the terms leave to one deployment at one moment.</summary>
/// <param name="Withheld">Free slots that are kept for others.</param>
/// <param name="Quota">What the account may hold of the deployment's type; null for no limit.</param>
/// <param name="QuotaUsed">What its other deployments hold of it.</param>
/// <param name="GiveBack">Replicas, of whatever deployment, that have to drain for a reservation.</param>
/// <param name="NextChange">When a reservation begins or ends; null when none does.</param>
public sealed record CapacityLimits(
    Withheld Withheld, long? Quota, long QuotaUsed, IReadOnlySet<ReplicaId> GiveBack, DateTimeOffset? NextChange)
{
    /// <summary>Replicas, of whatever deployment, that run on what their account reserved.</summary>
    public IReadOnlySet<ReplicaId> Covered { get; init; } = new HashSet<ReplicaId>();

    public static CapacityLimits None { get; } = new(Withheld.Nothing, Quota: null, QuotaUsed: 0, new HashSet<ReplicaId>(), NextChange: null);

    /// <param name="own">What the deployment in question holds itself.</param>
    /// <param name="others">What is held beside it.</param>
    /// <param name="waiting">All replicas that wait, of whatever deployment.</param>
    public static CapacityLimits For(
        CapacityTerms terms, Inventory inventory, AccountName account, AcceleratorType type,
        IReadOnlyList<Holding> own, IReadOnlyList<Holding> others, IReadOnlyList<CapacityClaim> waiting, DateTimeOffset now)
    {
        var active = terms.Active(now);
        IReadOnlyList<Holding> all = active.Count == 0 ? [] : [.. others, .. own];
        return new(
            ReservedCapacity.For(account, active, all, waiting, terms.BorrowReserved),
            terms.Limit(account, type, now),
            others.Where(holding => holding.Account == account && holding.Allotment.Type == type).Sum(holding => (long)holding.Count),
            active.Count == 0 ? None.GiveBack : ReservedCapacity.ToGiveBack(inventory, active, all, waiting),
            terms.NextChange(now))
        {
            Covered = ReservedCapacity.Covered(active, all),
        };
    }
}
