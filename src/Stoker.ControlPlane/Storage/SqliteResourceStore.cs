using System.Runtime.CompilerServices;
using Microsoft.Data.Sqlite;
using Stoker.Api.Problems;

namespace Stoker.ControlPlane.Storage;

/// <summary>
/// Resources in SQLite. A row is its own last change; only deletions need a log, and only they are compacted.
/// </summary>
public sealed class SqliteResourceStore(SqliteDatabase database, int changeLogLength) : IResourceStore
{
    private const int WatchBatch = 500;
    private const int DeletionsPerCompaction = 64; // the log may be longer than asked by this much

    private const string Columns =
        "kind, parent, name, generation, spec_revision, status_revision, spec, status, create_time, update_time";

    /// <summary>Before a kind's name: the counter of the newest deletion that its log has forgotten.</summary>
    private const string Compacted = "compacted:";

    /// <summary>Of a kind's rows, of its deletions, and of those deletions that the log has forgotten.</summary>
    private const string LastChange =
        """
        SELECT max(
            coalesce((SELECT max(revision) FROM resources WHERE kind = $1), 0),
            coalesce((SELECT max(revision) FROM tombstones WHERE kind = $1), 0),
            coalesce((SELECT value FROM counters WHERE name = $2), 0))
        """;

    private int _deletions;

    public ValueTask<StoredResource?> FindAsync(ResourceKey key, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        return new(database.Read(session => Find(session, key)));
    }

    public ValueTask<ResourceList> ListAsync(string kind, string? parent, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        return new(database.Read(session => session.Snapshot(snapshot => new ResourceList(
            Counter(snapshot, "revision"),
            parent is null
                ? snapshot.Query($"SELECT {Columns} FROM resources WHERE kind = $1 ORDER BY name", Resource, kind)
                : snapshot.Query(
                    $"SELECT {Columns} FROM resources WHERE kind = $1 AND parent = $2 ORDER BY name", Resource, kind, parent)))));
    }

    public ValueTask<long> RevisionAsync(string kind, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        return new(database.Read(session => session.Scalar(LastChange, kind, Compacted + kind)));
    }

    public ValueTask<ResourceChanges?> ChangesAsync(string kind, long afterRevision, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        try
        {
            return new(database.Read(session => session.Snapshot(snapshot => AllChangesAfter(snapshot, kind, afterRevision))));
        }
        catch (WatchExpiredException)
        {
            return new((ResourceChanges?)null);
        }
    }

    public Task<Result<StoredResource>> CreateAsync(
        ResourceKey key, ReadOnlyMemory<byte> spec, ReadOnlyMemory<byte> status, CancellationToken cancellation) =>
        database.WriteAsync<Result<StoredResource>>(
            session =>
            {
                if (Find(session, key) is not null)
                {
                    return Problem.AlreadyExists($"{Noun(key)} \"{key.Name}\" already exists");
                }

                var (revision, now) = (NextRevision(session), database.Time.GetUtcNow());
                session.Execute(
                    $"INSERT INTO resources ({Columns}, revision) VALUES ($1, $2, $3, 1, $4, $4, $5, $6, $7, $7, $4)",
                    key.Kind, key.Parent, key.Name, revision, spec.ToArray(), status.ToArray(), now.UtcTicks);
                return new StoredResource(key, 1, revision, revision, spec, status, now, now);
            },
            cancellation);

    public Task<Result<StoredResource>> UpdateSpecAsync(
        ResourceKey key, long expectedSpecRevision, ReadOnlyMemory<byte> spec, CancellationToken cancellation) =>
        database.WriteAsync<Result<StoredResource>>(
            session =>
            {
                if (Find(session, key) is not { } row) return Missing(key);
                if (row.SpecRevision != expectedSpecRevision) return Changed(key);
                var (revision, now) = (NextRevision(session), database.Time.GetUtcNow());
                session.Execute(
                    """
                    UPDATE resources SET generation = generation + 1, spec = $3, spec_revision = $4, revision = $4, update_time = $5
                    WHERE kind = $1 AND name = $2
                    """,
                    key.Kind, key.Name, spec.ToArray(), revision, now.UtcTicks);
                return row with { Generation = row.Generation + 1, Spec = spec, SpecRevision = revision, UpdateTime = now };
            },
            cancellation);

    public Task<Result<StoredResource>> UpdateStatusAsync(
        ResourceKey key, long expectedStatusRevision, ReadOnlyMemory<byte> status, CancellationToken cancellation) =>
        database.WriteAsync<Result<StoredResource>>(
            session =>
            {
                if (Find(session, key) is not { } row) return Missing(key);
                if (row.StatusRevision != expectedStatusRevision) return Changed(key);
                var (revision, now) = (NextRevision(session), database.Time.GetUtcNow());
                session.Execute(
                    """
                    UPDATE resources SET status = $3, status_revision = $4, revision = $4, update_time = $5
                    WHERE kind = $1 AND name = $2
                    """,
                    key.Kind, key.Name, status.ToArray(), revision, now.UtcTicks);
                return row with { Status = status, StatusRevision = revision, UpdateTime = now };
            },
            cancellation);

    public Task<Result<StoredResource>> DeleteAsync(
        ResourceKey key, long expectedSpecRevision, long expectedStatusRevision, CancellationToken cancellation) =>
        database.WriteAsync<Result<StoredResource>>(
            session =>
            {
                if (Find(session, key) is not { } row) return Missing(key);
                if (row.SpecRevision != expectedSpecRevision || row.StatusRevision != expectedStatusRevision)
                {
                    return Changed(key);
                }

                session.Execute("DELETE FROM resources WHERE kind = $1 AND name = $2", key.Kind, key.Name);
                session.Execute(
                    "INSERT INTO tombstones (revision, kind, parent, name) VALUES ($1, $2, $3, $4)",
                    NextRevision(session), key.Kind, key.Parent, key.Name);
                if (++_deletions % Math.Min(DeletionsPerCompaction, changeLogLength) == 0) Compact(session);
                return row;
            },
            cancellation);

    public async IAsyncEnumerable<ResourceChange> WatchAsync(
        string kind, long afterRevision, [EnumeratorCancellation] CancellationToken cancellation)
    {
        while (true)
        {
            cancellation.ThrowIfCancellationRequested();
            var changed = database.Changed;
            var after = afterRevision;
            var batch = database.Read(session => session.Snapshot(snapshot => ChangesAfter(snapshot, kind, after)));
            foreach (var change in batch.Changes) yield return change;
            afterRevision = batch.Position;
            if (!batch.More) await changed.WaitAsync(cancellation);
        }
    }

    private static ResourceChanges AllChangesAfter(SqliteSession snapshot, string kind, long after)
    {
        var changes = new List<ResourceChange>();
        while (true)
        {
            var batch = ChangesAfter(snapshot, kind, after);
            changes.AddRange(batch.Changes);
            after = batch.Position;
            if (!batch.More) return new(after, changes);
        }
    }

    private static WatchBatchResult ChangesAfter(SqliteSession snapshot, string kind, long after)
    {
        if (Counter(snapshot, Compacted + kind) is var compacted && after < compacted)
        {
            throw new WatchExpiredException(after, compacted);
        }

        var changes = snapshot.Query(
            $"SELECT {Columns} FROM resources WHERE kind = $1 AND revision > $2 ORDER BY revision LIMIT {WatchBatch + 1}",
            row =>
            {
                var resource = Resource(row);
                return new ResourceChange(resource.Revision, resource.Key, resource);
            },
            kind, after);
        changes.AddRange(snapshot.Query(
            $"SELECT revision, kind, parent, name FROM tombstones WHERE kind = $1 AND revision > $2 ORDER BY revision LIMIT {WatchBatch + 1}",
            row => new ResourceChange(row.GetInt64(0), new(row.GetString(1), row.GetString(2), row.GetString(3)), null),
            kind, after));
        changes.Sort((left, right) => left.Revision.CompareTo(right.Revision));

        // A whole look moves the position to the store's own revision, so that a watch lags no more than its kind
        // changes.
        if (changes.Count <= WatchBatch) return new(changes, Counter(snapshot, "revision"), More: false);
        changes.RemoveRange(WatchBatch, changes.Count - WatchBatch);
        return new(changes, changes[^1].Revision, More: true);
    }

    private void Compact(SqliteSession session)
    {
        var oldest = session.Scalar(
            "SELECT coalesce((SELECT revision FROM tombstones ORDER BY revision DESC LIMIT 1 OFFSET $1), 0)", changeLogLength);
        if (oldest == 0) return;
        // Per kind: the watch of a quiet one must not expire by the deletions of another.
        session.Execute(
            $"""
            INSERT OR REPLACE INTO counters (name, value)
            SELECT '{Compacted}' || kind, max(revision) FROM tombstones WHERE revision <= $1 GROUP BY kind
            """,
            oldest);
        session.Execute("DELETE FROM tombstones WHERE revision <= $1", oldest);
    }

    private static StoredResource? Find(SqliteSession session, ResourceKey key) => session.QueryOne(
        $"SELECT {Columns} FROM resources WHERE kind = $1 AND name = $2", Resource, key.Kind, key.Name);

    private static StoredResource Resource(SqliteDataReader row) => new(
        new ResourceKey(row.GetString(0), row.GetString(1), row.GetString(2)),
        row.GetInt64(3),
        row.GetInt64(4),
        row.GetInt64(5),
        row.GetFieldValue<byte[]>(6),
        row.GetFieldValue<byte[]>(7),
        new DateTimeOffset(row.GetInt64(8), TimeSpan.Zero),
        new DateTimeOffset(row.GetInt64(9), TimeSpan.Zero));

    private static long NextRevision(SqliteSession session) =>
        session.Scalar("UPDATE counters SET value = value + 1 WHERE name = 'revision' RETURNING value");

    private static long Counter(SqliteSession session, string name) =>
        session.Scalar("SELECT coalesce((SELECT value FROM counters WHERE name = $1), 0)", name);

    private static Problem Missing(ResourceKey key) => Problem.NotFound($"{Noun(key)} \"{key.Name}\" not found");

    private static Problem Changed(ResourceKey key) =>
        Problem.Aborted($"{Noun(key)} \"{key.Name}\" was changed by another request: read it again and repeat the change");

    /// <summary>The singular of a collection, for messages: every collection's name is a plain plural in s.</summary>
    private static string Noun(ResourceKey key) => key.Kind.TrimEnd('s');

    private sealed record WatchBatchResult(List<ResourceChange> Changes, long Position, bool More);
}
