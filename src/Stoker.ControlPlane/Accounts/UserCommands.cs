using Microsoft.Extensions.Options;
using Stoker.Api;
using Stoker.Api.Names;
using Stoker.Api.Problems;
using Stoker.Api.Resources;
using Stoker.ControlPlane.Resources;
using Stoker.ControlPlane.Storage;

namespace Stoker.ControlPlane.Accounts;

/// <summary>Creates, changes and shows users.</summary>
internal sealed class UserCommands(
    AccountStore store, KeyRingSource ring, KeyUseLog uses, WaysIn ways, IOptions<AccountOptions> options)
{
    private static readonly UpdatableFields Fields = new(
        Mutable: ["display_name", "role", "email"],
        OutputOnly: ["name", "service_account", "create_time", "update_time", "state", "status"]);

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
        var service = body.ServiceAccount ?? false;
        violations.Require(!service || body.Email is null, "email", "is the server's to choose for a service account: leave it out, and give user_id");
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

        var spec = new UserSpec(body.DisplayName, service ? ServiceAccountEmail(account.User(id)) : body.Email, body.Role!, service);
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
        violations.Require(
            !user.Spec.ServiceAccount || wanted.Email == user.Spec.Email, "email", $"of a service account stays {user.Spec.Email}");
        if (violations.Any) return violations.ToProblem();
        if (user.Spec.Role != wanted.Role && await IsLastAdminAsync(user, cancellation))
        {
            return Problem.FailedPrecondition($"{name} is the last admin of {name.Parent}: make another user admin first");
        }

        var demoted = RoleNames.Parse(wanted.Role) != Role.Admin;
        if (demoted && await ways.WithoutUserAsync(name, cancellation) is { } lastWay) return lastWay;
        var spec = user.Spec with { DisplayName = wanted.DisplayName, Email = wanted.Email, Role = wanted.Role! };
        return await DoneAsync(await store.Users.UpdateSpecAsync(user, spec, cancellation));
    }

    /// <summary>Removes a user, and first its keys: they open nothing from then on, nor when a user of that name is made again.</summary>
    public async Task<Result<EmptyResponse>> DeleteAsync(Principal caller, UserName name, CancellationToken cancellation)
    {
        if (Refuse(caller, name.Parent) is { } refusal) return refusal;
        using var _ = await store.WriteAsync(cancellation);
        if (await store.Users.FindAsync(name, cancellation) is not { } user) return MissingResource.Problem(name.ToString());
        if (await IsLastAdminAsync(user, cancellation))
        {
            return Problem.FailedPrecondition($"{name} is the last admin of {name.Parent}: make another user admin first");
        }

        if (await ways.WithoutUserAsync(name, cancellation) is { } lastWay) return lastWay;
        var keys = (await store.Keys.ListAsync(name.ToString(), cancellation)).Items;
        // From the first key on there is no turning back: what is left of it is done by asking again.
        foreach (var key in keys)
        {
            if ((await store.Keys.DeleteAsync(key, CancellationToken.None)).Problem is { } raced) return raced;
        }

        var deleted = await store.Users.DeleteAsync(user, CancellationToken.None);
        await ring.ReloadAsync(CancellationToken.None);
        foreach (var key in keys) await uses.ForgetAsync(key.Name);
        return deleted.Then<EmptyResponse>(_ => new EmptyResponse());
    }

    /// <summary>An address that tells service accounts apart in lists, and that no mail can reach.</summary>
    internal static string ServiceAccountEmail(UserName name) => $"{name.User}@{name.Account}.sa.stoker.internal";

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

    /// <summary>Of the people: a service account is a program's, and no program brings an account back to its owners.</summary>
    private async Task<bool> IsLastAdminAsync(Stored<UserName, UserSpec, NoStatus> user, CancellationToken cancellation)
    {
        var admin = Role.Admin.WireName();
        var others = (await store.Users.ListAsync(user.Name.Parent.ToString(), cancellation)).Items.Where(other => other.Name != user.Name);
        return user.Spec.Role == admin && !user.Spec.ServiceAccount && !others.Any(other => other.Spec.Role == admin && !other.Spec.ServiceAccount);
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
