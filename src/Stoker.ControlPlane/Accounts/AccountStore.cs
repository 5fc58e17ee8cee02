using Stoker.Api.Names;
using Stoker.ControlPlane.Storage;

namespace Stoker.ControlPlane.Accounts;

/// <summary>The typed view of the store for accounts, users and keys. Only their commands write through it.</summary>
/// <remarks>
/// Keys are rows like the others, not a table of their own: their hashes are looked up in the <see cref="KeyRing"/>, which the store's
/// watch keeps, so that a revocation reaches every process by the same path as any other change.
/// </remarks>
internal sealed class AccountStore(IResourceStore store)
{
    public TypedStore<AccountName, AccountSpec, NoStatus> Accounts { get; } =
        new(store, AccountName.Collection, AccountJson.Default.AccountSpec, AccountJson.Default.NoStatus);

    public TypedStore<UserName, UserSpec, NoStatus> Users { get; } =
        new(store, UserName.Collection, AccountJson.Default.UserSpec, AccountJson.Default.NoStatus);

    public TypedStore<ApiKeyName, ApiKeySpec, NoStatus> Keys { get; } =
        new(store, ApiKeyName.Collection, AccountJson.Default.ApiKeySpec, AccountJson.Default.NoStatus);
}
