using System.Globalization;
using Microsoft.Extensions.Logging;
using Stoker.Api.Names;
using Stoker.Api.Problems;
using Stoker.Api.Resources;
using Stoker.ControlPlane.Accounts;
using Stoker.ControlPlane.Resources;

namespace Stoker.ControlPlane.Capacity;

/// <summary>
/// Quotas of an account, one for each type that there is. An operator sets the limit, an account's admin may lower what
/// holds below it.
/// </summary>
internal sealed partial class QuotaCommands(
    CapacityTermsStore terms, AccountStore accounts, Inventory inventory, ICapacityUse use, TimeProvider time, ILogger<QuotaCommands> logger)
{
    public static UpdatableFields Updatable { get; } =
        new(["value", "max_value"], ["name", "usage", "accelerator_type", "reserved_count", "update_time"]);

    public static Listing<QuotaResource> Listing { get; } = new(WireJson.Context.QuotaResource, quota => quota.Name, "name");

    public async Task<IReadOnlyList<QuotaResource>> ListAsync(AccountName account, CancellationToken cancellation)
    {
        var (known, held) = (await terms.ReadAsync(cancellation), await use.HoldingsAsync(cancellation));
        return [.. inventory.Pools.Select(pool => pool.Type).Distinct().Select(type => Show(account, type, known, held))];
    }

    public async Task<Result<QuotaResource>> FindAsync(QuotaName name, CancellationToken cancellation) =>
        TypeOf(name) is { } type
            ? Show(name.Parent, type, await terms.ReadAsync(cancellation), await use.HoldingsAsync(cancellation))
            : MissingResource.Problem(name.ToString());

    public async Task<Result<QuotaResource>> UpdateAsync(
        Principal caller, QuotaName name, QuotaResource patch, string? mask, CancellationToken cancellation)
    {
        if (TypeOf(name) is not { } type || await accounts.Accounts.FindAsync(name.Parent, cancellation) is null)
        {
            return MissingResource.Problem(name.ToString());
        }

        if (caller.Role != Role.Admin) return Problem.PermissionDenied("Only an admin changes quotas: ask one of your account");
        var row = await terms.Quotas.FindAsync(name, cancellation);
        var spec = row?.Spec ?? new(null, null);
        var current = new QuotaResource { Value = spec.Value, MaxValue = spec.MaxValue };
        var shown = Show(name.Parent, type, await terms.ReadAsync(cancellation), []);
        if (!FieldMask.Apply(current, patch, mask, WireJson.Context.QuotaResource, Updatable, shown).TryGet(out var asked, out var problem)) return problem;
        if (asked.MaxValue != spec.MaxValue && !caller.IsOperator)
        {
            return Problem.PermissionDenied("Only an admin of the account that runs this server changes max_value: an account lowers its value");
        }

        var most = asked.MaxValue ?? (await terms.ReadAsync(cancellation)).QuotaPerType;
        var violations = new Violations();
        violations.Require(asked.MaxValue is null or >= 0, "max_value", $"must be at least 0, was {asked.MaxValue}");
        violations.Require(asked.Value is null or >= 0, "value", $"must be at least 0, was {asked.Value}");
        violations.Require(
            asked.Value is null || most is null || asked.Value <= most, "value", $"must be at most max_value, which is {most}, was {asked.Value}");
        if (violations.Any) return violations.ToProblem();

        var changed = new QuotaSpec(asked.Value, asked.MaxValue);
        var written = row is null
            ? await terms.Quotas.CreateAsync(name, changed, NoStatus.Instance, cancellation)
            : await terms.Quotas.UpdateSpecAsync(row, changed, cancellation);
        if (written.Problem is { } failed) return failed;
        LogChanged(name, Shown(changed.Value), Shown(changed.MaxValue));
        return await FindAsync(name, cancellation);
    }

    private AcceleratorType? TypeOf(QuotaName name) =>
        AcceleratorType.OfQuota(name.Quota.ToString()) is { } type && inventory.Pools.Any(pool => pool.Type == type) ? type : null;

    private QuotaResource Show(AccountName account, AcceleratorType type, CapacityTerms known, IReadOnlyList<Holding> held) => new()
    {
        Name = new QuotaName(account.Account, ResourceId.Parse(type.QuotaId)).ToString(),
        Value = known.Quota(account, type),
        MaxValue = known.MaxQuota(account, type),
        Usage = held.Where(holding => holding.Account == account && holding.Allotment.Type == type).Sum(holding => holding.Count),
        AcceleratorType = type.Name,
        ReservedCount = known.Reserved(account, type, time.GetUtcNow()) is > 0 and var reserved ? reserved : null,
    };

    private static string Shown(long? limit) => limit?.ToString(CultureInfo.InvariantCulture) ?? "unlimited";

    [LoggerMessage(LogLevel.Information, "Quota {Quota} is {Value} now, its limit is {Most}")]
    private partial void LogChanged(QuotaName quota, string value, string most);
}
