namespace Stoker.ControlPlane.Storage;

/// <summary>
/// When each API key was used last. A table of its own: what changes with every request does not belong in a resource's
/// row, where each write would wake every watcher.
/// </summary>
public sealed class SqliteKeyUseStore(SqliteDatabase database)
{
    public IReadOnlyDictionary<string, DateTimeOffset> List() => database.Read(session => session.Query(
        "SELECT key, time FROM api_key_last_use",
        row => KeyValuePair.Create(row.GetString(0), new DateTimeOffset(row.GetInt64(1), TimeSpan.Zero)))).ToDictionary();

    /// <summary>Two servers on one file may tell of the same key: the later use stays.</summary>
    public Task WriteAsync(IReadOnlyCollection<KeyValuePair<string, DateTimeOffset>> uses) => database.WriteAsync(
        session => uses.Sum(use => session.Execute(
            "INSERT INTO api_key_last_use VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET time = max(time, excluded.time)", use.Key, use.Value.UtcTicks)),
        CancellationToken.None);

    public Task ForgetAsync(string key) => database.WriteAsync(
        session => session.Execute("DELETE FROM api_key_last_use WHERE key = $1", key), CancellationToken.None);
}
