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
}

/// <summary>
/// What the terms mean for everybody while nothing is given or given back: added up once, then asked for each
/// deployment.
/// </summary>
/// <param name="holdings">Everything that is held, by whomever.</param>
/// <param name="waiting">All replicas that wait, of whatever deployment.</param>
public sealed class CapacityView(
    CapacityTerms terms, Inventory inventory, IReadOnlyList<Holding> holdings, IReadOnlyList<CapacityClaim> waiting, DateTimeOffset now)
{
    private readonly DateTimeOffset? _nextChange = terms.NextChange(now);
    private readonly IReadOnlyList<Reservation> _active = terms.Active(now);
    private readonly Dictionary<AccountName, Withheld> _withheld = [];
    private Dictionary<(AccountName, AcceleratorType), long>? _held;
    private IReadOnlySet<ReplicaId>? _giveBack;
    private IReadOnlySet<ReplicaId>? _covered;

    /// <summary>Whether another one made of these would be the same.</summary>
    public bool IsOf(CapacityTerms otherTerms, IReadOnlyList<Holding> otherHoldings, IReadOnlyList<CapacityClaim> otherWaiting, DateTimeOffset at) =>
        ReferenceEquals(terms, otherTerms) && ReferenceEquals(holdings, otherHoldings) && ReferenceEquals(waiting, otherWaiting)
        && at >= now && !(at >= _nextChange);

    /// <param name="own">What the deployment in question holds itself, which is part of the holdings.</param>
    public CapacityLimits For(AccountName account, AcceleratorType type, IEnumerable<Holding> own) => new(
        WithheldFrom(account),
        terms.Limit(account, type, now),
        Held.GetValueOrDefault((account, type)) - own.Where(holding => holding.Account == account && holding.Allotment.Type == type).Sum(holding => (long)holding.Count),
        _giveBack ??= _active.Count == 0 ? CapacityLimits.None.GiveBack : ReservedCapacity.ToGiveBack(inventory, _active, holdings, waiting),
        _nextChange)
    {
        Covered = _covered ??= ReservedCapacity.Covered(_active, holdings),
    };

    private Dictionary<(AccountName, AcceleratorType), long> Held => _held ??= holdings
        .Where(holding => holding.Account is not null)
        .GroupBy(holding => (holding.Account!, holding.Allotment.Type))
        .ToDictionary(group => group.Key, group => group.Sum(holding => (long)holding.Count));

    private Withheld WithheldFrom(AccountName account)
    {
        if (!_withheld.TryGetValue(account, out var withheld))
        {
            _withheld[account] = withheld = ReservedCapacity.For(account, _active, holdings, waiting, terms.BorrowReserved);
        }

        return withheld;
    }
}
