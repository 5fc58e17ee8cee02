using Stoker.Api.Problems;

namespace Stoker.ControlPlane.Storage;

/// <summary>An API key as it rests: never the key itself.</summary>
/// <param name="User">The owner's full name, <c>accounts/{account}/users/{user}</c>.</param>
/// <param name="Hash">SHA-256 of the key. Keys are long random text, so that a slow hash would add nothing.</param>
/// <param name="Prefix">The key's first characters, for people to tell keys apart; too few to help a guesser.</param>
public sealed record StoredKey(
    string KeyId,
    string User,
    ReadOnlyMemory<byte> Hash,
    string DisplayName,
    string Prefix,
    DateTimeOffset CreateTime,
    DateTimeOffset? ExpireTime);

/// <summary>API keys, found by the hash of what the client sent.</summary>
public interface IKeyHashStore
{
    ValueTask<StoredKey?> FindByHashAsync(ReadOnlyMemory<byte> hash, CancellationToken cancellation);

    /// <summary>The keys of one user, oldest first.</summary>
    ValueTask<IReadOnlyList<StoredKey>> ListByUserAsync(string user, CancellationToken cancellation);

    /// <summary>The keys of all users of an account (<c>accounts/{account}</c>), oldest first.</summary>
    ValueTask<IReadOnlyList<StoredKey>> ListByAccountAsync(string account, CancellationToken cancellation);

    /// <summary>Adds a key; ALREADY_EXISTS when its id or its hash is there.</summary>
    Task<Result<StoredKey>> AddAsync(StoredKey key, CancellationToken cancellation);

    /// <summary>Removes a key of a user; false when there is none of that id.</summary>
    Task<bool> DeleteAsync(string user, string keyId, CancellationToken cancellation);
}
