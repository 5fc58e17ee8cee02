using Stoker.Api.Names;
using Stoker.ControlPlane.Storage;
using StoredAccount = Stoker.ControlPlane.Storage.Stored<Stoker.Api.Names.AccountName, Stoker.ControlPlane.Accounts.AccountSpec, Stoker.ControlPlane.Accounts.NoStatus>;
using StoredKey = Stoker.ControlPlane.Storage.Stored<Stoker.ControlPlane.Accounts.ApiKeyName, Stoker.ControlPlane.Accounts.ApiKeySpec, Stoker.ControlPlane.Accounts.NoStatus>;
using StoredUser = Stoker.ControlPlane.Storage.Stored<Stoker.Api.Names.UserName, Stoker.ControlPlane.Accounts.UserSpec, Stoker.ControlPlane.Accounts.NoStatus>;

namespace Stoker.ControlPlane.Accounts;

/// <summary>Every key at one moment, immutable: authentication is one hash and one look-up in it, and no I/O.</summary>
internal sealed class KeyRing
{
    private readonly Dictionary<KeyHash, Entry> _entries;

    private KeyRing(Dictionary<KeyHash, Entry> entries) => _entries = entries;

    public static KeyRing Empty { get; } = new([]);

    /// <summary>
    /// Joins the rows. A key whose user or account is gone, or whose role or scopes are unknown here, opens nothing.
    /// </summary>
    public static KeyRing From(
        StoredList<AccountName, AccountSpec, NoStatus> accounts,
        StoredList<UserName, UserSpec, NoStatus> users,
        StoredList<ApiKeyName, ApiKeySpec, NoStatus> keys,
        KeyUses uses)
    {
        var accountsByName = accounts.Items.ToDictionary(account => account.Name);
        var usersByName = users.Items.ToDictionary(user => user.Name);
        var entries = new Dictionary<KeyHash, Entry>(keys.Items.Count);
        foreach (var key in keys.Items)
        {
            if (!usersByName.TryGetValue(key.Name.Owner, out var user)) continue;
            if (!accountsByName.TryGetValue(user.Name.Parent, out var account)) continue;
            if (ToPrincipal(account, user, key) is not { } principal) continue;
            entries[KeyHash.FromStored(key.Spec.Hash)] = new(principal, key.Spec.ExpireTime, uses.Of(key.Name));
        }

        return new(entries);
    }

    /// <summary>
    /// What a key opens, or null for one that is unknown, revoked or expired: the caller cannot tell which.
    /// </summary>
    public Entry? Find(ReadOnlySpan<char> key, DateTimeOffset now)
    {
        if (key.Length > ApiKey.MaxLength || !_entries.TryGetValue(KeyHash.Of(key), out var entry)) return null;
        return entry.ExpireTime <= now ? null : entry;
    }

    private static Principal? ToPrincipal(StoredAccount account, StoredUser user, StoredKey key) =>
        RoleNames.Parse(user.Spec.Role) is { } role && key.Spec.KeyScopes is { } scopes
            ? new(account.Name, user.Name, role, key.Name.KeyId.ToString(), account.Spec.Operator && role == Role.Admin)
            {
                Email = user.Spec.Email,
                Scopes = scopes,
            }
            : null;

    internal sealed record Entry(Principal Principal, DateTimeOffset? ExpireTime, KeyUse Use);
}
