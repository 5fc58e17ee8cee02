using Stoker.Api.Names;
using Stoker.Api.Problems;

namespace Stoker.ControlPlane.Accounts;

/// <summary>Keeps the operating account manageable: some admin of it always has a key that does not expire and may manage.</summary>
/// <remarks>Other accounts have the operator to help them. To be asked under <see cref="AccountStore.WriteAsync"/>.</remarks>
internal sealed class WaysIn(AccountStore store)
{
    /// <summary>Why a key cannot go.</summary>
    public Task<Problem?> WithoutKeyAsync(ApiKeyName key, CancellationToken cancellation) =>
        CheckAsync(key.Owner.Parent, _ => true, other => other != key, cancellation);

    /// <summary>Why a user cannot go, or be less than an admin.</summary>
    public Task<Problem?> WithoutUserAsync(UserName user, CancellationToken cancellation) =>
        CheckAsync(user.Parent, other => other != user, other => other.Owner != user, cancellation);

    private async Task<Problem?> CheckAsync(
        AccountName account, Func<UserName, bool> userStays, Func<ApiKeyName, bool> keyStays, CancellationToken cancellation)
    {
        if (await store.Accounts.FindAsync(account, cancellation) is not { Spec.Operator: true }) return null;
        var admin = Role.Admin.WireName();
        var admins = (await store.Users.ListAsync(account.ToString(), cancellation)).Items
            .Where(user => user.Spec.Role == admin).Select(user => user.Name).ToHashSet();
        var ways = (await store.Keys.ListAsync(null, cancellation)).Items
            .Where(key => admins.Contains(key.Name.Owner) && key.Spec is { ExpireTime: null, KeyScopes: { } scopes } && scopes.HasFlag(KeyScopes.Control))
            .Select(key => key.Name).ToList();
        return ways.Count == 0 || ways.Any(key => userStays(key.Owner) && keyStays(key))
            ? null
            : Problem.FailedPrecondition(
                $"It is the last key of the admins of {account} that does not expire and has the scope control: create another one first");
    }
}
