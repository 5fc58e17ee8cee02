using System.Text;
using Stoker.Api.Problems;
using Stoker.ControlPlane.Storage;

namespace Stoker.ControlPlane.Tests.Storage;

/// <summary>A store whose writes of a status fail when a test says so; everything else works.</summary>
internal sealed class FailingResourceStore(IResourceStore inner) : IResourceStore
{
    private int _failed;

    /// <summary>What becomes of a status with this body: null is written, ABORTED is answered, any other problem is thrown as a failing disk is.</summary>
    public Func<string, Problem?> Fails { get; set; } = _ => null;

    /// <summary>Writes that failed.</summary>
    public int Failed => Volatile.Read(ref _failed);

    public ValueTask<StoredResource?> FindAsync(ResourceKey key, CancellationToken cancellation) => inner.FindAsync(key, cancellation);

    public ValueTask<ResourceList> ListAsync(string kind, string? parent, CancellationToken cancellation) => inner.ListAsync(kind, parent, cancellation);

    public ValueTask<long> RevisionAsync(string kind, CancellationToken cancellation) => inner.RevisionAsync(kind, cancellation);

    public ValueTask<ResourceChanges?> ChangesAsync(string kind, long afterRevision, CancellationToken cancellation) =>
        inner.ChangesAsync(kind, afterRevision, cancellation);

    public Task<Result<StoredResource>> CreateAsync(
        ResourceKey key, ReadOnlyMemory<byte> spec, ReadOnlyMemory<byte> status, CancellationToken cancellation) =>
        inner.CreateAsync(key, spec, status, cancellation);

    public Task<Result<StoredResource>> UpdateSpecAsync(
        ResourceKey key, long expectedSpecRevision, ReadOnlyMemory<byte> spec, CancellationToken cancellation) =>
        inner.UpdateSpecAsync(key, expectedSpecRevision, spec, cancellation);

    public async Task<Result<StoredResource>> UpdateStatusAsync(
        ResourceKey key, long expectedStatusRevision, ReadOnlyMemory<byte> status, CancellationToken cancellation)
    {
        if (Fails(Encoding.UTF8.GetString(status.Span)) is not { } problem) return await inner.UpdateStatusAsync(key, expectedStatusRevision, status, cancellation);
        Interlocked.Increment(ref _failed);
        return problem.Code == Code.Aborted ? problem : throw new IOException(problem.Message);
    }

    public Task<Result<StoredResource>> DeleteAsync(
        ResourceKey key, long expectedSpecRevision, long expectedStatusRevision, CancellationToken cancellation) =>
        inner.DeleteAsync(key, expectedSpecRevision, expectedStatusRevision, cancellation);

    public IAsyncEnumerable<ResourceChange> WatchAsync(string kind, long afterRevision, CancellationToken cancellation) =>
        inner.WatchAsync(kind, afterRevision, cancellation);
}
