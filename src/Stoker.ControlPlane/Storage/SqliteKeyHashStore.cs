using Microsoft.Data.Sqlite;
using Stoker.Api.Problems;

namespace Stoker.ControlPlane.Storage;

/// <summary>API keys in SQLite, by their hash.</summary>
public sealed class SqliteKeyHashStore(SqliteDatabase database) : IKeyHashStore
{
    private const string Columns = "key_id, user, hash, display_name, prefix, create_time, expire_time";

    public ValueTask<StoredKey?> FindByHashAsync(ReadOnlyMemory<byte> hash, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        return new(database.Read(session =>
            session.QueryOne($"SELECT {Columns} FROM keys WHERE hash = $1", Key, hash.ToArray())));
    }

    public ValueTask<IReadOnlyList<StoredKey>> ListByUserAsync(string user, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        return new(database.Read(session => session.Query(
            $"SELECT {Columns} FROM keys WHERE account = $1 AND user = $2 ORDER BY create_time, key_id", Key, Account(user), user)));
    }

    public ValueTask<IReadOnlyList<StoredKey>> ListByAccountAsync(string account, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        return new(database.Read(session => session.Query(
            $"SELECT {Columns} FROM keys WHERE account = $1 ORDER BY create_time, key_id", Key, account)));
    }

    public Task<Result<StoredKey>> AddAsync(StoredKey key, CancellationToken cancellation) =>
        database.WriteAsync<Result<StoredKey>>(
            session => session.Execute(
                $"INSERT OR IGNORE INTO keys ({Columns}, account) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
                key.KeyId, key.User, key.Hash.ToArray(), key.DisplayName, key.Prefix, key.CreateTime.UtcTicks,
                key.ExpireTime?.UtcTicks, Account(key.User)) == 1
                ? key
                : Problem.AlreadyExists($"API key \"{key.KeyId}\" already exists"),
            cancellation);

    public Task<bool> DeleteAsync(string user, string keyId, CancellationToken cancellation) => database.WriteAsync(
        session => session.Execute("DELETE FROM keys WHERE key_id = $1 AND user = $2", keyId, user) == 1, cancellation);

    /// <summary><c>accounts/a/users/u</c> → <c>accounts/a</c>.</summary>
    private static string Account(string user) => string.Join('/', user.Split('/')[..2]);

    private static StoredKey Key(SqliteDataReader row) => new(
        row.GetString(0),
        row.GetString(1),
        row.GetFieldValue<byte[]>(2),
        row.GetString(3),
        row.GetString(4),
        new DateTimeOffset(row.GetInt64(5), TimeSpan.Zero),
        row.IsDBNull(6) ? null : new DateTimeOffset(row.GetInt64(6), TimeSpan.Zero));
}
