using Microsoft.Extensions.Options;
using Stoker.Api;
using Stoker.Api.Names;
using Stoker.Api.Problems;
using Stoker.Api.Resources;
using Stoker.ControlPlane.Resources;
using Stoker.ControlPlane.Storage;

namespace Stoker.ControlPlane.Accounts;

/// <summary>Creates, changes and shows users.</summary>
internal sealed class UserCommands(AccountStore store, KeyRingSource ring, IOptions<AccountOptions> options)
{
    private static readonly UpdatableFields Fields = new(
        Mutable: ["display_name", "role", "email"],
        OutputOnly: ["name", "create_time", "update_time", "state", "status"]);

    public async Task<IEnumerable<UserResource>> ListAsync(AccountName account, CancellationToken cancellation) =>
        (await store.Users.ListAsync(account.ToString(), cancellation)).Items.Select(ToResource);

    public async Task<Result<UserResource>> FindAsync(UserName name, CancellationToken cancellation) =>
        await store.Users.FindAsync(name, cancellation) is { } user ? ToResource(user) : MissingResource.Problem(name.ToString());

    /// <param name="userId">Absent: made from the e-mail address.</param>
    public async Task<Result<UserResource>> CreateAsync(
        Principal caller, AccountName account, string? userId, UserResource body, CancellationToken cancellation)
    {
        if (Refuse(caller, account) is { } refusal) return refusal;
        var violations = new Violations();
        var id = violations.Parse<ResourceId>("user_id", userId is null or "" ? UserIds.FromEmail(body.Email) : userId);
        violations.Require(id is null || id.IsUserChosen, "user_id", $"must be {ResourceId.Rule}");
        Check(violations, body);
        if (id is null || violations.Any) return violations.ToProblem();

        using var _ = await store.WriteAsync(cancellation);
        if (await store.Accounts.FindAsync(account, cancellation) is null)
        {
            return MissingResource.Problem(account.ToString());
        }

        if ((await store.Users.ListAsync(account.ToString(), cancellation)).Items.Count >= options.Value.MaxUsersPerAccount)
        {
            return new Problem(Code.ResourceExhausted, $"{account} has {options.Value.MaxUsersPerAccount} users, the most that are allowed");
        }

        var spec = new UserSpec(body.DisplayName, body.Email, body.Role!, body.ServiceAccount ?? false);
        return await DoneAsync(await store.Users.CreateAsync(account.User(id), spec, NoStatus.Instance, cancellation));
    }

    public async Task<Result<UserResource>> UpdateAsync(
        Principal caller, UserName name, string? mask, UserResource body, CancellationToken cancellation)
    {
        if (Refuse(caller, name.Parent) is { } refusal) return refusal;
        using var _ = await store.WriteAsync(cancellation);
        if (await store.Users.FindAsync(name, cancellation) is not { } user)
        {
            return MissingResource.Problem(name.ToString());
        }

        var merged = FieldMask.Apply(ToResource(user), body, mask, ApiJson.Default.UserResource, Fields);
        if (!merged.TryGet(out var wanted, out var problem)) return problem;
        var violations = new Violations();
        Check(violations, wanted);
        if (violations.Any) return violations.ToProblem();
        if (user.Spec.Role != wanted.Role && await IsLastAdminAsync(user, cancellation))
        {
            return Problem.FailedPrecondition($"{name} is the last admin of {name.Parent}: make another user admin first");
        }

        var spec = user.Spec with { DisplayName = wanted.DisplayName, Email = wanted.Email, Role = wanted.Role! };
        return await DoneAsync(await store.Users.UpdateSpecAsync(user, spec, cancellation));
    }

    /// <summary>Whether a caller may manage users, and the keys of others, in an account.</summary>
    internal static Problem? Refuse(Principal caller, AccountName account) =>
        caller.IsOperator || (caller.Role == Role.Admin && caller.Account == account)
            ? null
            : Problem.PermissionDenied($"Managing users and their keys takes the role admin, this key's user has {caller.Role.WireName()}");

    private static void Check(Violations violations, UserResource user)
    {
        AccountCommands.CheckText(violations, user.DisplayName, user.Email);
        violations.Require(RoleNames.Parse(user.Role) is not null, "role", $"must be {RoleNames.Allowed}");
    }

    private async Task<bool> IsLastAdminAsync(Stored<UserName, UserSpec, NoStatus> user, CancellationToken cancellation)
    {
        var admin = Role.Admin.WireName();
        var others = (await store.Users.ListAsync(user.Name.Parent.ToString(), cancellation)).Items.Where(other => other.Name != user.Name);
        return user.Spec.Role == admin && !others.Any(other => other.Spec.Role == admin);
    }

    private async Task<Result<UserResource>> DoneAsync(Result<Stored<UserName, UserSpec, NoStatus>> written)
    {
        if (written.Problem is null) await ring.ReloadAsync(CancellationToken.None); // it is written: no turning back
        return written.Then<UserResource>(user => ToResource(user));
    }

    private static UserResource ToResource(Stored<UserName, UserSpec, NoStatus> user) => new()
    {
        Name = user.Name.ToString(),
        DisplayName = user.Spec.DisplayName,
        ServiceAccount = user.Spec.ServiceAccount,
        CreateTime = user.CreateTime,
        UpdateTime = user.UpdateTime,
        Role = user.Spec.Role,
        Email = user.Spec.Email,
        State = "READY",
    };
}

internal static class UserIds
{
    /// <summary>
    /// An identifier out of an address: <c>Ann.Lee@example.com</c> becomes <c>ann-lee</c>; null when nothing usable is
    /// left.
    /// </summary>
    public static string? FromEmail(string? email)
    {
        if (email?.IndexOf('@') is not { } at || at <= 0) return null;
        var letters =
            email[..at].ToLowerInvariant().Select(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) ? c : '-');
        var id = string.Concat(letters).TrimStart([.. "-0123456789"]).TrimEnd('-');
        return id.Length == 0 ? null : id[..Math.Min(id.Length, ResourceId.MaxLength)].TrimEnd('-');
    }
}
