using Microsoft.Data.Sqlite;
using Stoker.Api.Names;
using Stoker.ControlPlane.Resources;
using Stoker.ControlPlane.Runtimes;

namespace Stoker.ControlPlane.Storage;

/// <summary>The ledger in SQLite; triggers of the schema refuse to change or remove an event.</summary>
public sealed class SqliteLedgerStore(SqliteDatabase database) : ILedgerStore
{
    private const string EventColumns =
        "e.replica, e.ordinal, e.kind, e.boot_id, e.stamp, e.time, e.longest_gap, e.run, "
        + "e.deployment, e.deployment_time, e.accelerator_type, e.accelerator_count, e.region, e.reserved";
    private const int EventColumnCount = 14;
    private const string ProofColumns = "p.replica, p.boot_id, p.stamp, p.time, p.longest_gap";

    private const string OpenReplicas =
        $"SELECT {EventColumns}, {ProofColumns} FROM ledger_proofs p JOIN ledger_events e ON e.replica = p.replica "
        + "WHERE e.ordinal = (SELECT max(ordinal) FROM ledger_events WHERE replica = p.replica) ORDER BY e.number";
    private const string EventsSince = $"SELECT {EventColumns} FROM ledger_events e WHERE e.number > $1 ORDER BY e.number";
    private const string EventsOf = $"SELECT {EventColumns} FROM ledger_events e WHERE e.deployment = $1 ORDER BY e.number";
    private const string AllProofs = $"SELECT {ProofColumns} FROM ledger_proofs p";
    private const string ProofsOf =
        $"SELECT {ProofColumns} FROM ledger_proofs p JOIN ledger_events e ON e.replica = p.replica AND e.ordinal = 0 WHERE e.deployment = $1";

    public Task<IReadOnlyList<OpenReplica>> TakeOverAsync(string run, CancellationToken cancellation)
    {
        ArgumentException.ThrowIfNullOrEmpty(run);
        return database.WriteAsync<IReadOnlyList<OpenReplica>>(
            session =>
            {
                session.Execute("UPDATE ledger_run SET run = $1", run);
                return session.Query(OpenReplicas, row => new OpenReplica(ReadEvent(row), ReadProof(row, EventColumnCount)));
            },
            cancellation);
    }

    public Task<bool> WriteAsync(string run, LedgerWrite write, CancellationToken cancellation) => database.WriteAsync(
        session =>
        {
            if (session.Execute("UPDATE ledger_run SET version = version + $2 WHERE run = $1", run, write.Proofs.Count > 0 ? 1 : 0) == 0) return false;
            foreach (var written in write.Events) Append(session, written);
            foreach (var proof in write.Proofs)
            {
                session.Execute(
                    "UPDATE ledger_proofs SET boot_id = $2, stamp = $3, time = $4, longest_gap = $5 WHERE replica = $1",
                    proof.Replica.ToString(), proof.At.BootId, proof.At.Ticks, proof.At.Wall.UtcTicks, proof.LongestGap.Ticks);
            }

            return true;
        },
        cancellation);

    public ValueTask<LedgerReading?> ReadAsync(LedgerPlace after, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        // Most readers come again before anything was written: two rows tell them.
        return new(database.Read(session => Place(session) == after ? null : session.Snapshot(snapshot => ReadSince(snapshot, after))));
    }

    public ValueTask<LedgerReading> ReadAsync(DeploymentName deployment, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        var name = deployment.ToString();
        return new(database.Read(session => session.Snapshot(snapshot => new LedgerReading(
            snapshot.Query(EventsOf, ReadEvent, name),
            snapshot.Query(ProofsOf, row => ReadProof(row, 0), name),
            Place(snapshot)))));
    }

    private static LedgerReading ReadSince(SqliteSession session, LedgerPlace after)
    {
        var place = Place(session);
        var hasProofs = place.Version != after.Version;
        return new(session.Query(EventsSince, ReadEvent, after.Number), hasProofs ? session.Query(AllProofs, row => ReadProof(row, 0)) : [], place)
        {
            HasProofs = hasProofs,
        };
    }

    private static LedgerPlace Place(SqliteSession session) =>
        new(session.Scalar("SELECT coalesce(max(number), 0) FROM ledger_events"), Version(session));

    private static long Version(SqliteSession session) => session.Scalar("SELECT version FROM ledger_run");

    private static void Append(SqliteSession session, LedgerEvent written)
    {
        var (replica, at, what) = (written.Replica.ToString(), written.At, written.What);
        session.Execute(
            "INSERT INTO ledger_events (replica, ordinal, kind, boot_id, stamp, time, longest_gap, run, "
            + "deployment, deployment_time, accelerator_type, accelerator_count, region, reserved) "
            + "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) ON CONFLICT (replica, ordinal) DO NOTHING",
            replica, written.Ordinal, WireEnum.TextOf(written.Kind), at.BootId, at.Ticks, at.Wall.UtcTicks, written.LongestGap.Ticks, written.Run,
            what.Deployment.ToString(), what.DeploymentTime.UtcTicks, what.AcceleratorType, what.AcceleratorCount, what.Region, what.Reserved ? 1 : 0);
        if (written.Kind == LedgerEventKind.Ended)
        {
            session.Execute("DELETE FROM ledger_proofs WHERE replica = $1", replica);
            return;
        }

        session.Execute("INSERT OR REPLACE INTO ledger_proofs VALUES ($1, $2, $3, $4, 0)", replica, at.BootId, at.Ticks, at.Wall.UtcTicks);
    }

    private static LedgerEvent ReadEvent(SqliteDataReader row) => new(
        ReplicaId.Parse(row.GetString(0)),
        row.GetInt32(1),
        WireEnum.TryParse<LedgerEventKind>(row.GetString(2), out var kind)
            ? kind
            : throw new StorageException(StorageFault.Unusable, $"The ledger has an event of kind {row.GetString(2)}, which this program does not know"),
        ReadStamp(row, 3),
        TimeSpan.FromTicks(row.GetInt64(6)),
        row.GetString(7),
        new(DeploymentName.Parse(row.GetString(8)), Time(row, 9), row.GetString(10), row.GetInt32(11), row.GetString(12), row.GetInt64(13) != 0));

    private static LifeProof ReadProof(SqliteDataReader row, int first) => new(
        ReplicaId.Parse(row.GetString(first)), ReadStamp(row, first + 1), TimeSpan.FromTicks(row.GetInt64(first + 4)));

    private static BootStamp ReadStamp(SqliteDataReader row, int first) =>
        new(row.GetString(first), row.GetInt64(first + 1), Time(row, first + 2));

    private static DateTimeOffset Time(SqliteDataReader row, int column) => new(row.GetInt64(column), TimeSpan.Zero);
}
