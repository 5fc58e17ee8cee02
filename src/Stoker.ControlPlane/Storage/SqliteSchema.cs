using Microsoft.Data.Sqlite;

namespace Stoker.ControlPlane.Storage;

/// <summary>The tables, their version, and the steps from each version to the next.</summary>
internal static class SqliteSchema
{
    /// <summary>"STKR": tells our file from any other SQLite file.</summary>
    private const long ApplicationId = 0x53544B52;

    /// <summary>A check reads the whole file: up to this size it costs some tens of milliseconds of start-up.</summary>
    private const long CheckedSizeBytes = 64 << 20;

    /// <summary>Step i leads from version i to i + 1. A step that has shipped is never changed.</summary>
    private static readonly string[] Steps =
    [
        """
        CREATE TABLE resources (
            kind TEXT NOT NULL, name TEXT NOT NULL, parent TEXT NOT NULL,
            generation INTEGER NOT NULL, spec_revision INTEGER NOT NULL, status_revision INTEGER NOT NULL,
            revision INTEGER NOT NULL, -- the larger of the two: what a watch goes by
            spec BLOB NOT NULL, status BLOB NOT NULL,
            create_time INTEGER NOT NULL, update_time INTEGER NOT NULL, -- UTC ticks of 100 ns
            PRIMARY KEY (kind, name));
        CREATE INDEX resources_by_parent ON resources (kind, parent, name);
        CREATE INDEX resources_by_revision ON resources (kind, revision);
        -- A row is its own last change, so the log holds deletions only: nothing to compact but these.
        CREATE TABLE tombstones (
            revision INTEGER PRIMARY KEY, kind TEXT NOT NULL, parent TEXT NOT NULL, name TEXT NOT NULL);
        CREATE INDEX tombstones_by_kind ON tombstones (kind, revision);
        CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
        INSERT INTO counters VALUES ('revision', 0);
        CREATE TABLE leases (
            name TEXT PRIMARY KEY, holder TEXT NOT NULL, fencing_number INTEGER NOT NULL,
            boot_id TEXT NOT NULL, expire_stamp INTEGER NOT NULL, expire_time INTEGER NOT NULL) WITHOUT ROWID;
        """,
        """
        CREATE TABLE autoscaling_windows (
            deployment TEXT PRIMARY KEY, window BLOB NOT NULL,
            boot_id TEXT NOT NULL, last_second INTEGER NOT NULL, last_time INTEGER NOT NULL);
        CREATE TABLE scaling_decisions (
            id INTEGER PRIMARY KEY AUTOINCREMENT, deployment TEXT NOT NULL, time INTEGER NOT NULL, decision BLOB NOT NULL);
        CREATE INDEX scaling_decisions_by_deployment ON scaling_decisions (deployment, id);
        """,
        """
        -- Instants of replicas' lives, which GPU seconds are made of: written once, never changed, never removed.
        CREATE TABLE ledger_events (
            number INTEGER PRIMARY KEY, replica TEXT NOT NULL, ordinal INTEGER NOT NULL, kind TEXT NOT NULL,
            boot_id TEXT NOT NULL, stamp INTEGER NOT NULL, time INTEGER NOT NULL, -- 100 ns of the boot, UTC ticks
            longest_gap INTEGER NOT NULL, run TEXT NOT NULL,
            deployment TEXT NOT NULL, deployment_time INTEGER NOT NULL,
            accelerator_type TEXT NOT NULL, accelerator_count INTEGER NOT NULL, region TEXT NOT NULL, reserved INTEGER NOT NULL,
            UNIQUE (replica, ordinal), CHECK ((ordinal = 0) = (kind = 'READY')));
        CREATE INDEX ledger_events_by_deployment ON ledger_events (deployment, number);
        CREATE TRIGGER ledger_events_stay BEFORE UPDATE ON ledger_events
            BEGIN SELECT RAISE(ABORT, 'events of the ledger are never changed'); END;
        CREATE TRIGGER ledger_events_are_kept BEFORE DELETE ON ledger_events
            BEGIN SELECT RAISE(ABORT, 'events of the ledger are never removed'); END;
        -- The last proof of life of every replica whose interval is open: one row each, replaced by the next proof.
        CREATE TABLE ledger_proofs (
            replica TEXT PRIMARY KEY, boot_id TEXT NOT NULL, stamp INTEGER NOT NULL, time INTEGER NOT NULL,
            longest_gap INTEGER NOT NULL) WITHOUT ROWID;
        -- The one run of a server that may write, and the count of writes.
        CREATE TABLE ledger_run (id INTEGER PRIMARY KEY CHECK (id = 0), run TEXT NOT NULL, version INTEGER NOT NULL);
        INSERT INTO ledger_run VALUES (0, '', 0);
        """,
        """
        CREATE TABLE deployment_events (
            id INTEGER PRIMARY KEY AUTOINCREMENT, owner TEXT NOT NULL, key TEXT NOT NULL, time INTEGER NOT NULL, -- UTC ticks of 100 ns
            severity TEXT NOT NULL, reason TEXT NOT NULL, message TEXT NOT NULL,
            UNIQUE (owner, key));
        CREATE INDEX deployment_events_by_owner ON deployment_events (owner, id);
        CREATE TABLE deployment_last_use (owner TEXT PRIMARY KEY, time INTEGER NOT NULL) WITHOUT ROWID;
        """,
        """
        -- How the answers of a deployment's revisions went: what an update is compared with after a restart.
        CREATE TABLE revision_figures (
            owner TEXT NOT NULL, revision INTEGER NOT NULL, figures BLOB NOT NULL, PRIMARY KEY (owner, revision)) WITHOUT ROWID;
        """,
        """
        -- Up to when nothing at all was seen of all windows that this run wrote, after what is written of them.
        ALTER TABLE autoscaling_windows ADD COLUMN run TEXT NOT NULL DEFAULT '';
        CREATE TABLE autoscaling_empty (
            id INTEGER PRIMARY KEY CHECK (id = 0), run TEXT NOT NULL, last_second INTEGER NOT NULL, last_time INTEGER NOT NULL);
        """,
        """
        -- One row for each request that found its deployment: written once, never changed, never removed.
        CREATE TABLE request_ledger (
            number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, client_id TEXT,
            account TEXT NOT NULL, user TEXT NOT NULL, api_key TEXT NOT NULL,
            deployment TEXT NOT NULL, model TEXT NOT NULL, addon TEXT,
            prompt INTEGER NOT NULL, cached INTEGER NOT NULL, generated INTEGER NOT NULL, -- tokens
            drafted INTEGER NOT NULL, accepted INTEGER NOT NULL,
            status TEXT NOT NULL, reason TEXT NOT NULL,
            begin_time INTEGER NOT NULL, end_time INTEGER NOT NULL, first_token INTEGER); -- UTC ticks; 100 ns since the begin
        CREATE TRIGGER request_ledger_stays BEFORE UPDATE ON request_ledger
            BEGIN SELECT RAISE(ABORT, 'rows of the token ledger are never changed'); END;
        CREATE TRIGGER request_ledger_is_kept BEFORE DELETE ON request_ledger
            BEGIN SELECT RAISE(ABORT, 'rows of the token ledger are never removed'); END;
        """,
        """
        CREATE TABLE api_key_last_use (key TEXT PRIMARY KEY, time INTEGER NOT NULL) WITHOUT ROWID;
        -- Who changed what: written once, never changed, removed by age alone. Entries of calls under way wait in audit_open.
        CREATE TABLE audit (
            number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, time INTEGER NOT NULL, -- UTC ticks of 100 ns
            account TEXT NOT NULL, actor_account TEXT NOT NULL, principal TEXT NOT NULL, email TEXT, key_id TEXT,
            method TEXT NOT NULL, resource TEXT NOT NULL, remote_address TEXT NOT NULL, admin_action INTEGER NOT NULL, status TEXT NOT NULL);
        CREATE INDEX audit_by_account ON audit (account, time, number);
        CREATE INDEX audit_by_actor ON audit (actor_account, time, number);
        CREATE INDEX audit_by_time ON audit (time);
        CREATE TABLE audit_cutoff (id INTEGER PRIMARY KEY CHECK (id = 0), time INTEGER NOT NULL);
        INSERT INTO audit_cutoff VALUES (0, 0);
        CREATE TRIGGER audit_stays BEFORE UPDATE ON audit
            BEGIN SELECT RAISE(ABORT, 'entries of the audit log are never changed'); END;
        CREATE TRIGGER audit_is_kept BEFORE DELETE ON audit WHEN OLD.time >= (SELECT time FROM audit_cutoff)
            BEGIN SELECT RAISE(ABORT, 'entries of the audit log are kept for their time'); END;
        CREATE TABLE audit_open (
            id TEXT PRIMARY KEY, run TEXT NOT NULL, time INTEGER NOT NULL,
            account TEXT NOT NULL, actor_account TEXT NOT NULL, principal TEXT NOT NULL, email TEXT, key_id TEXT,
            method TEXT NOT NULL, resource TEXT NOT NULL, remote_address TEXT NOT NULL, admin_action INTEGER NOT NULL) WITHOUT ROWID;
        """,
    ];

    public static int Version => Steps.Length;

    /// <summary>
    /// Brings a file to this program's version, or says why it cannot be used. Two processes may do it at once.
    /// </summary>
    /// <exception cref="StorageException">The file is no store, is damaged, or is of a newer version.</exception>
    public static void Prepare(SqliteSession session, string path)
    {
        try
        {
            RequireOurs(session, path);
            session.Execute("PRAGMA journal_mode = WAL");
            if (session.Scalar("PRAGMA user_version") < Version) Migrate(session, path);
            if (new FileInfo(path).Length <= CheckedSizeBytes) RequireSound(session, path);
        }
        catch (SqliteException error) when (error.SqliteErrorCode is 11 or 26) // SQLITE_CORRUPT, SQLITE_NOTADB
        {
            throw Damaged(path, error.Message, error);
        }
    }

    private static void RequireOurs(SqliteSession session, string path)
    {
        // In this order: another process may make the schema meanwhile, and who saw tables then sees whose they are.
        var isEmpty = session.Scalar("SELECT count(*) FROM sqlite_schema") == 0;
        var (owner, version) = (session.Scalar("PRAGMA application_id"), session.Scalar("PRAGMA user_version"));
        if (owner != ApplicationId && !isEmpty)
        {
            throw new StorageException(
                StorageFault.Unusable,
                $"{path} is an SQLite file of another program: move it away, or choose another data directory");
        }

        if (version > Version)
        {
            throw new StorageException(
                StorageFault.Unusable,
                $"{path} has schema version {version}, and this program knows versions up to {Version}: "
                + "start the newer program, or restore the copy that was made before the upgrade");
        }
    }

    private static void Migrate(SqliteSession session, string path)
    {
        session.Execute("BEGIN IMMEDIATE");
        try
        {
            RequireOurs(session, path); // again, now that no other process can be at it
            for (var version = session.Scalar("PRAGMA user_version"); version < Version; version++)
            {
                session.Execute(Steps[version]);
            }

            session.Execute($"PRAGMA application_id = {ApplicationId}");
            session.Execute($"PRAGMA user_version = {Version}");
            session.Execute("COMMIT");
        }
        catch
        {
            session.TryRollback();
            throw;
        }
    }

    private static void RequireSound(SqliteSession session, string path)
    {
        var finding = session.QueryOne("PRAGMA quick_check(1)", row => row.GetString(0));
        if (finding is not "ok") throw Damaged(path, finding ?? "the check said nothing", null);
    }

    private static StorageException Damaged(string path, string finding, Exception? cause) => new(
        StorageFault.Unusable,
        $"{path} is damaged or no SQLite file ({finding}): restore a copy, or move it away to start empty",
        cause);
}
