using Stoker.Api.Names;

namespace Stoker.ControlPlane.Capacity;

/// <summary>What an operator, or the account itself, set of an account's quota of one type.</summary>
/// <param name="Value">What the account chose, never above the limit; null for the limit.</param>
/// <param name="MaxValue">The operator's limit; null for the configured one.</param>
public sealed record QuotaSpec(long? Value, long? MaxValue);

/// <summary>Everything that limits who may take what: reservations and quotas, at one moment. Immutable.</summary>
public sealed record CapacityTerms(
    IReadOnlyList<Reservation> Reservations, IReadOnlyDictionary<QuotaName, QuotaSpec> Quotas, int? QuotaPerType, bool BorrowReserved)
{
    public static CapacityTerms None { get; } = new([], new Dictionary<QuotaName, QuotaSpec>(), QuotaPerType: null, BorrowReserved: false);

    public IReadOnlyList<Reservation> Active(DateTimeOffset now) => [.. Reservations.Where(reservation => reservation.IsActive(now))];

    /// <summary>When time alone changes what holds; null when it does not.</summary>
    public DateTimeOffset? NextChange(DateTimeOffset now) => Reservations
        .SelectMany(reservation => (DateTimeOffset?[])[reservation.StartTime, reservation.EndTime])
        .Where(moment => moment > now)
        .Min();

    /// <summary>The limit that the operator set; null for none. The configured one is for tenants: what the platform runs for all of them has its own bounds.</summary>
    public long? MaxQuota(AccountName account, AcceleratorType type) =>
        SpecOf(account, type)?.MaxValue ?? (account == AccountName.Library ? null : QuotaPerType);

    /// <summary>What is enforced without reservations; null for no limit.</summary>
    public long? Quota(AccountName account, AcceleratorType type)
    {
        var (value, most) = (SpecOf(account, type)?.Value, MaxQuota(account, type));
        return value is null || most < value ? most : value;
    }

    /// <summary>Accelerators that the account may hold: its quota, raised by its reservations. Null for no limit.</summary>
    public long? Limit(AccountName account, AcceleratorType type, DateTimeOffset now) => Quota(account, type) + Reserved(account, type, now);

    public int Reserved(AccountName account, AcceleratorType type, DateTimeOffset now) => Reservations
        .Where(reservation => reservation.Account == account && reservation.Type == type && reservation.IsActive(now))
        .Sum(reservation => reservation.Count);

    /// <summary>The hosted platform's words, and what to do.</summary>
    public static string OverQuota(AccountName account, AcceleratorType type, long inUse, long? limit, long requesting) =>
        $"{type.QuotaId} for account {account.Account}, in use: {inUse}, quota: {limit}, requesting: {requesting}; "
        + "ask for less, park or delete a deployment, or have an operator raise the quota";

    private QuotaSpec? SpecOf(AccountName account, AcceleratorType type) =>
        Quotas.GetValueOrDefault(new(account.Account, ResourceId.Parse(type.QuotaId)));
}
