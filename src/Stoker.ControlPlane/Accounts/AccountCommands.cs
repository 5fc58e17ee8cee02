using Stoker.Api;
using Stoker.Api.Names;
using Stoker.Api.Problems;
using Stoker.Api.Resources;
using Stoker.ControlPlane.Resources;
using Stoker.ControlPlane.Storage;

namespace Stoker.ControlPlane.Accounts;

/// <summary>Creates and shows accounts.</summary>
internal sealed class AccountCommands(AccountStore store, KeyRingSource ring)
{
    private const int MaxDisplayName = 63;
    private const int MaxEmail = 254;

    private static readonly UpdatableFields Fields = new(
        Mutable: ["display_name", "email", "deployment_deletion_guard"],
        OutputOnly: ["name", "create_time", "update_time", "account_type", "state", "status", "suspend_state"]);

    /// <summary>The accounts that a caller sees: its own, and all for an operator.</summary>
    public async Task<IEnumerable<AccountResource>> ListAsync(Principal caller, CancellationToken cancellation) =>
        (await store.Accounts.ListAsync(null, cancellation)).Items
            .Where(account => caller.IsOperator || account.Name == caller.Account)
            .Select(ToResource);

    public async Task<Result<AccountResource>> FindAsync(AccountName name, CancellationToken cancellation) =>
        await store.Accounts.FindAsync(name, cancellation) is { } account ? ToResource(account) : MissingResource.Problem(name.ToString());

    public async Task<Result<AccountResource>> CreateAsync(
        Principal caller, string? accountId, AccountResource body, CancellationToken cancellation)
    {
        if (!caller.IsOperator)
        {
            return Problem.PermissionDenied("Only an admin of the account that runs this server creates accounts");
        }

        var violations = new Violations();
        var id = violations.Parse<ResourceId>("account_id", accountId);
        violations.Require(id is null || id.IsUserChosen, "account_id", $"must be {ResourceId.Rule}");
        CheckText(violations, body.DisplayName, body.Email);
        violations.Require(body.AccountType is null or "ENTERPRISE", "account_type", "must be ENTERPRISE or absent");
        violations.Require(body.SuspendState is null or "UNSUSPENDED", "suspend_state", "cannot be set yet: leave it out");
        if (id is null || violations.Any) return violations.ToProblem();
        var name = new AccountName(id);
        if (name == AccountName.Library)
        {
            return Problem.AlreadyExists($"{name} is the library's account: choose another account_id");
        }

        var spec = new AccountSpec(body.DisplayName, body.Email, Operator: false, body.DeploymentDeletionGuard ?? false);
        var created = await store.Accounts.CreateAsync(name, spec, NoStatus.Instance, cancellation);
        if (created.Problem is null) await ring.ReloadAsync(CancellationToken.None); // it is there: no turning back
        return created.Then<AccountResource>(account => ToResource(account));
    }

    public async Task<Result<AccountResource>> UpdateAsync(
        Principal caller, AccountName name, string? mask, AccountResource body, CancellationToken cancellation)
    {
        if (!caller.IsOperator && (caller.Role != Role.Admin || caller.Account != name))
        {
            return Problem.PermissionDenied($"Changing an account takes the role admin, this key's user has {caller.Role.WireName()}");
        }

        using var _ = await store.WriteAsync(cancellation);
        if (await store.Accounts.FindAsync(name, cancellation) is not { } account) return MissingResource.Problem(name.ToString());
        var merged = FieldMask.Apply(ToResource(account), body, mask, ApiJson.Default.AccountResource, Fields);
        if (!merged.TryGet(out var wanted, out var problem)) return problem;
        var violations = new Violations();
        CheckText(violations, wanted.DisplayName, wanted.Email);
        if (violations.Any) return violations.ToProblem();

        var spec = account.Spec with { DisplayName = wanted.DisplayName, Email = wanted.Email, DeletionGuard = wanted.DeploymentDeletionGuard ?? false };
        return (await store.Accounts.UpdateSpecAsync(account, spec, cancellation)).Then<AccountResource>(written => ToResource(written));
    }

    /// <summary>The rules of texts that accounts and users share.</summary>
    internal static void CheckText(Violations violations, string? displayName, string? email)
    {
        violations.Require(
            displayName is null || displayName.Length <= MaxDisplayName, "display_name", $"must have at most {MaxDisplayName} characters");
        violations.Require(
            email is null || (email.Length <= MaxEmail && LooksLikeEmail(email)), "email", "must look like name@example.com");
    }

    private static bool LooksLikeEmail(string text) =>
        text.IndexOf('@') is > 0 and var at && at < text.Length - 1 && !text.Any(char.IsWhiteSpace);

    private static AccountResource ToResource(Stored<AccountName, AccountSpec, NoStatus> account) => new()
    {
        Name = account.Name.ToString(),
        DisplayName = account.Spec.DisplayName,
        CreateTime = account.CreateTime,
        UpdateTime = account.UpdateTime,
        AccountType = "ENTERPRISE",
        Email = account.Spec.Email,
        State = "READY",
        SuspendState = "UNSUSPENDED",
        DeploymentDeletionGuard = account.Spec.DeletionGuard ? true : null,
    };
}
