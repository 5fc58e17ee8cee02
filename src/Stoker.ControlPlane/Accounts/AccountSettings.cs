using Stoker.Api.Names;

namespace Stoker.ControlPlane.Accounts;

/// <summary>What an account's admins chose and other slices obey.</summary>
public sealed class AccountSettings
{
    private readonly AccountStore _store;

    internal AccountSettings(AccountStore store) => _store = store;

    /// <summary>Whether deployments that are in use are deleted only with the checks switched off.</summary>
    public async ValueTask<bool> GuardsDeletionAsync(AccountName account, CancellationToken cancellation) =>
        await _store.Accounts.FindAsync(account, cancellation) is { Spec.DeletionGuard: true };
}
