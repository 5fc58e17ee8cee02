using Microsoft.Data.Sqlite;

namespace Stoker.ControlPlane.Storage;

/// <summary>Load windows and scaling decisions in SQLite, in tables of their own.</summary>
public sealed class SqliteScalingStore(SqliteDatabase database) : IScalingStore
{
    public StoredWindows ReadWindows() => database.Read(session => session.Snapshot(snapshot => new StoredWindows(
        snapshot.Query("SELECT deployment, window, boot_id, last_second, last_time, run FROM autoscaling_windows", ReadWindow),
        snapshot.QueryOne("SELECT run, last_second, last_time FROM autoscaling_empty", ReadEmpty))));

    public Task SaveWindowsAsync(WindowsWrite write, CancellationToken cancellation) => database.WriteAsync(
        session =>
        {
            foreach (var deployment in write.Dropped) session.Execute("DELETE FROM autoscaling_windows WHERE deployment = $1", deployment);
            foreach (var window in write.Windows)
            {
                session.Execute(
                    "INSERT OR REPLACE INTO autoscaling_windows VALUES ($1, $2, $3, $4, $5, $6)",
                    window.Deployment, window.Window, window.BootId, window.LastSecond, window.Time.UtcTicks, window.Run);
            }

            return write.EmptyUntil is { } empty
                ? session.Execute("INSERT OR REPLACE INTO autoscaling_empty VALUES (0, $1, $2, $3)", empty.Run, empty.LastSecond, empty.Time.UtcTicks)
                : 0;
        },
        cancellation);

    public IReadOnlyList<StoredDecision> ReadDecisions(string deployment, int most) => database.Read(session => session.Query(
        "SELECT time, decision FROM scaling_decisions WHERE deployment = $1 ORDER BY id DESC LIMIT $2", ReadDecision, deployment, most));

    public Task AppendDecisionAsync(string deployment, StoredDecision decision, int keep, CancellationToken cancellation) => database.WriteAsync(
        session =>
        {
            session.Execute(
                "INSERT INTO scaling_decisions (deployment, time, decision) VALUES ($1, $2, $3)",
                deployment, decision.Time.UtcTicks, decision.Decision);
            return session.Execute(
                """
                DELETE FROM scaling_decisions WHERE deployment = $1 AND id <=
                    (SELECT id FROM scaling_decisions WHERE deployment = $1 ORDER BY id DESC LIMIT 1 OFFSET $2)
                """,
                deployment, keep);
        },
        cancellation);

    public Task ForgetAsync(string deployment, CancellationToken cancellation) => database.WriteAsync(
        session => session.Execute("DELETE FROM autoscaling_windows WHERE deployment = $1", deployment)
            + session.Execute("DELETE FROM scaling_decisions WHERE deployment = $1", deployment),
        cancellation);

    private static StoredWindow ReadWindow(SqliteDataReader row) => new(
        row.GetString(0), row.GetFieldValue<byte[]>(1), row.GetString(2), row.GetInt64(3), new(row.GetInt64(4), TimeSpan.Zero), row.GetString(5));

    private static EmptyUntil ReadEmpty(SqliteDataReader row) => new(row.GetString(0), row.GetInt64(1), new(row.GetInt64(2), TimeSpan.Zero));

    private static StoredDecision ReadDecision(SqliteDataReader row) =>
        new(new(row.GetInt64(0), TimeSpan.Zero), row.GetFieldValue<byte[]>(1));
}
