using Microsoft.Data.Sqlite;

namespace Stoker.ControlPlane.Storage;

/// <summary>Events in SQLite.</summary>
public sealed class SqliteEventLog(SqliteDatabase database) : IEventLog
{
    public Task AppendAsync(string owner, IReadOnlyList<StoredEvent> events, int kept, CancellationToken cancellation)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(kept, 1);
        return database.WriteAsync(session => Append(session, owner, events, kept), cancellation);
    }

    public ValueTask<IReadOnlyList<StoredEvent>> ListAsync(string owner, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        return new(database.Read(session => session.Query(
            "SELECT owner, key, time, severity, reason, message FROM deployment_events WHERE owner = $1 ORDER BY id", Read, owner)));
    }

    public Task ForgetAsync(string owner, CancellationToken cancellation) => database.WriteAsync(
        session => session.Execute("DELETE FROM deployment_events WHERE owner = $1", owner), cancellation);

    private static int Append(SqliteSession session, string owner, IReadOnlyList<StoredEvent> events, int kept)
    {
        var written = 0;
        foreach (var item in events)
        {
            written += session.Execute(
                "INSERT OR IGNORE INTO deployment_events (owner, key, time, severity, reason, message) VALUES ($1, $2, $3, $4, $5, $6)",
                owner, item.Key, item.Time.UtcTicks, item.Severity, item.Reason, item.Message);
        }

        if (written == 0) return 0;
        session.Execute(
            "DELETE FROM deployment_events WHERE owner = $1 AND id <= "
            + "(SELECT id FROM deployment_events WHERE owner = $1 ORDER BY id DESC LIMIT 1 OFFSET $2)",
            owner, kept);
        return written;
    }

    private static StoredEvent Read(SqliteDataReader row) => new(
        row.GetString(0), row.GetString(1), new DateTimeOffset(row.GetInt64(2), TimeSpan.Zero), row.GetString(3), row.GetString(4), row.GetString(5));
}
