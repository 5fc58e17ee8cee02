using Microsoft.Data.Sqlite;

namespace Stoker.ControlPlane.Storage;

/// <summary>The audit log in SQLite: entries are added and, when they are old, removed; triggers refuse all else.</summary>
public sealed class SqliteAuditStore(SqliteDatabase database)
{
    private const string EntryColumns =
        "id, time, account, actor_account, principal, email, key_id, method, resource, remote_address, admin_action";

    private const string FinishedColumns = EntryColumns + ", status, number";

    private const string InRange = "time >= $2 AND time < $3 AND ($4 IS NULL OR email = $4)";

    /// <summary>Keeps an entry of a call that begins, so that no end of the process loses it.</summary>
    /// <param name="run">The process that runs the call.</param>
    public Task BeginAsync(AuditEntry entry, string run, CancellationToken cancellation) => database.WriteAsync(
        session => session.Execute(
            $"INSERT INTO audit_open ({EntryColumns}, run) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)", Values(entry, run)),
        cancellation);

    /// <summary>The entry of a call that is over. It takes the place of the one that began with the same id.</summary>
    public Task FinishAsync(AuditEntry entry, string status) => database.WriteAsync(
        session =>
        {
            session.Execute("DELETE FROM audit_open WHERE id = $1", entry.Id);
            // None is there, but where another process took this one for dead.
            return session.Execute(
                $"INSERT OR IGNORE INTO audit ({EntryColumns}, status) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)", Values(entry, status));
        },
        CancellationToken.None);

    /// <summary>Calls that began and have no end yet, with the processes that run them.</summary>
    public IReadOnlyList<(AuditEntry Entry, string Run)> ListOpen() => [.. database.Read(session => session.Query(
        $"SELECT {EntryColumns}, run FROM audit_open ORDER BY time, id", row => new OpenRow(Read(row), row.GetString(11)))).Select(row => (row.Entry, row.Run))];

    /// <summary>At most so many entries, newest first.</summary>
    public IReadOnlyList<FinishedAuditEntry> List(AuditRange range, int count) => database.Read(session =>
    {
        const string Behind = $"{InRange} AND (time, number) < ($5, $6) ORDER BY time DESC, number DESC LIMIT $7";
        // Two walks along an index each, where one for both would have to sort them all.
        object?[] values =
        [
            range.Account, range.Start.UtcTicks, range.End.UtcTicks, range.Email, range.BeforeTime.UtcTicks, range.BeforeNumber, count,
        ];
        var about = session.Query($"SELECT {FinishedColumns} FROM audit WHERE account = $1 AND {Behind}", ReadFinished, values);
        var by = session.Query($"SELECT {FinishedColumns} FROM audit WHERE actor_account = $1 AND account <> $1 AND {Behind}", ReadFinished, values);
        return (IReadOnlyList<FinishedAuditEntry>)[.. about.Concat(by).OrderByDescending(item => (item.Entry.Time, item.Number)).Take(count)];
    });

    public long Count(AuditRange range) => database.Read(session => session.Scalar(
        $"SELECT count(*) FROM audit WHERE (account = $1 OR actor_account = $1) AND {InRange}",
        range.Account, range.Start.UtcTicks, range.End.UtcTicks, range.Email));

    /// <summary>Removes what is older than an instant, and the oldest of what is more than a count.</summary>
    public Task<int> PruneAsync(DateTimeOffset before, long most, CancellationToken cancellation) => database.WriteAsync(
        session =>
        {
            var excess = session.Scalar(
                "SELECT coalesce((SELECT time FROM audit ORDER BY time DESC, number DESC LIMIT 1 OFFSET $1), -1)", most) + 1;
            session.Execute("UPDATE audit_cutoff SET time = max(time, $1, $2)", before.UtcTicks, excess);
            return session.Execute("DELETE FROM audit WHERE time < (SELECT time FROM audit_cutoff)");
        },
        cancellation);

    private static object?[] Values(AuditEntry entry, string last) =>
    [
        entry.Id, entry.Time.UtcTicks, entry.Account, entry.ActorAccount, entry.Principal, entry.Email, entry.KeyId, entry.Method, entry.Resource,
        entry.RemoteAddress, entry.IsAdminAction, last,
    ];

    private static AuditEntry Read(SqliteDataReader row) => new(
        row.GetString(0), new DateTimeOffset(row.GetInt64(1), TimeSpan.Zero), row.GetString(2), row.GetString(3), row.GetString(4), Text(row, 5), Text(row, 6),
        row.GetString(7), row.GetString(8), row.GetString(9), row.GetBoolean(10));

    private static FinishedAuditEntry ReadFinished(SqliteDataReader row) => new(Read(row), row.GetString(11), row.GetInt64(12));

    private static string? Text(SqliteDataReader row, int column) => row.IsDBNull(column) ? null : row.GetString(column);

    private sealed record OpenRow(AuditEntry Entry, string Run);
}
