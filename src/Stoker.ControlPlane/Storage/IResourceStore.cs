using Stoker.Api.Problems;

namespace Stoker.ControlPlane.Storage;

/// <summary>
/// A row's identity: what kind of resource, and its full name, such as <c>accounts/a/deployments/d</c>.
/// </summary>
/// <param name="Kind">The collection, such as <c>deployments</c>.</param>
/// <param name="Parent">The name's parent, such as <c>accounts/a</c>; listings go by it.</param>
public sealed record ResourceKey(string Kind, string Parent, string Name);

/// <summary>
/// One resource as stored: a spec (what was asked) and a status (what is observed), each with its own writer and
/// revision.
/// </summary>
/// <param name="Generation">Counts changes of the spec, from 1.</param>
/// <param name="SpecRevision">The store-wide revision of the last write of the spec; the condition of the next
/// one.</param>
/// <param name="StatusRevision">The same for the status.</param>
/// <param name="Spec">UTF-8 JSON with a schema version; the store never looks inside.</param>
public sealed record StoredResource(
    ResourceKey Key,
    long Generation,
    long SpecRevision,
    long StatusRevision,
    ReadOnlyMemory<byte> Spec,
    ReadOnlyMemory<byte> Status,
    DateTimeOffset CreateTime,
    DateTimeOffset UpdateTime)
{
    /// <summary>The later of the two revisions: where a watch that has seen this row stands.</summary>
    public long Revision => Math.Max(SpecRevision, StatusRevision);
}

/// <summary>One entry of the change log. <see cref="Resource"/> is null when the resource was deleted.</summary>
public sealed record ResourceChange(long Revision, ResourceKey Key, StoredResource? Resource);

/// <summary>All resources of a kind at one revision; a watch goes on from there without a gap.</summary>
public sealed record ResourceList(long Revision, IReadOnlyList<StoredResource> Items);

/// <summary>What changed of a kind since a revision, in order, each row as it is now.</summary>
/// <param name="Revision">All changes up to it are in.</param>
public sealed record ResourceChanges(long Revision, IReadOnlyList<ResourceChange> Items);

/// <summary>The change log no longer reaches back to the asked revision: list again and watch from there.</summary>
public sealed class WatchExpiredException(long asked, long oldest)
    : Exception($"The change log starts at revision {oldest}, a watch asked for {asked}: list again");

/// <summary>
/// Where every named resource lives. Slices hold no SQL: they have a typed view of this. Implementations: SQLite
/// (embedded); PostgreSQL is a seam. Both pass the same contract tests.
/// </summary>
/// <remarks>
/// A write is refused with ABORTED when the expected revision is not the row's any more, with ALREADY_EXISTS or
/// NOT_FOUND as the names say. Writes are durable against a kill of the process when the task ends. I/O failures (a
/// full disk) are exceptions.
/// </remarks>
public interface IResourceStore
{
    ValueTask<StoredResource?> FindAsync(ResourceKey key, CancellationToken cancellation);

    /// <summary>
    /// The resources of a kind by name in ordinal order: of one parent, or of all when <paramref name="parent"/> is
    /// null.
    /// </summary>
    ValueTask<ResourceList> ListAsync(string kind, string? parent, CancellationToken cancellation);

    /// <summary>
    /// The revision of a kind's last change, deletions included. As long as it stays, so does all that was read of the kind
    /// after it: far cheaper to ask than to read all again.
    /// </summary>
    ValueTask<long> RevisionAsync(string kind, CancellationToken cancellation);

    /// <summary>
    /// All that changed of a kind after a revision, up to now, at one moment. Null when the change log no longer reaches back
    /// to it: list again.
    /// </summary>
    ValueTask<ResourceChanges?> ChangesAsync(string kind, long afterRevision, CancellationToken cancellation);

    Task<Result<StoredResource>> CreateAsync(
        ResourceKey key, ReadOnlyMemory<byte> spec, ReadOnlyMemory<byte> status, CancellationToken cancellation);

    Task<Result<StoredResource>> UpdateSpecAsync(
        ResourceKey key, long expectedSpecRevision, ReadOnlyMemory<byte> spec, CancellationToken cancellation);

    Task<Result<StoredResource>> UpdateStatusAsync(
        ResourceKey key, long expectedStatusRevision, ReadOnlyMemory<byte> status, CancellationToken cancellation);

    /// <summary>Deletes the row if its revisions still hold.</summary>
    Task<Result<StoredResource>> DeleteAsync(
        ResourceKey key, long expectedSpecRevision, long expectedStatusRevision, CancellationToken cancellation);

    /// <summary>
    /// Changes of a kind after a revision, in order, without end. Several quick changes of one row may arrive as its
    /// last one.
    /// </summary>
    /// <exception cref="WatchExpiredException">Thrown by the enumeration when the log was compacted past <paramref
    /// name="afterRevision"/>.</exception>
    IAsyncEnumerable<ResourceChange> WatchAsync(string kind, long afterRevision, CancellationToken cancellation);
}
