namespace Stoker.ControlPlane.Storage;

/// <summary>Last uses in SQLite.</summary>
public sealed class SqliteLastUseStore(SqliteDatabase database) : ILastUseStore
{
    public ValueTask<IReadOnlyDictionary<string, DateTimeOffset>> ListAsync(CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        var rows = database.Read(session => session.Query(
            "SELECT owner, time FROM deployment_last_use",
            row => KeyValuePair.Create(row.GetString(0), new DateTimeOffset(row.GetInt64(1), TimeSpan.Zero))));
        return new(rows.ToDictionary());
    }

    public Task WriteAsync(IReadOnlyCollection<KeyValuePair<string, DateTimeOffset>> uses, CancellationToken cancellation) =>
        database.WriteAsync(
            session => uses.Sum(use => session.Execute("INSERT OR REPLACE INTO deployment_last_use VALUES ($1, $2)", use.Key, use.Value.UtcTicks)),
            cancellation);

    public Task ForgetAsync(string owner, CancellationToken cancellation) =>
        database.WriteAsync(session => session.Execute("DELETE FROM deployment_last_use WHERE owner = $1", owner), cancellation);
}
