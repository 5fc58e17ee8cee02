using Stoker.Api.Problems;
using Stoker.ControlPlane.Storage;

namespace Stoker.ControlPlane.Tests.Storage;

/// <summary>Notes what is asked of a store.</summary>
internal sealed class WatchedResourceStore(IResourceStore inner) : IResourceStore
{
    private readonly List<string> _calls = [];

    /// <summary>Such as <c>find models</c>, in order.</summary>
    public IReadOnlyList<string> Calls => _calls;

    /// <summary>Told of each call before it is made.</summary>
    public Action<string>? Calling { get; set; }

    public void Clear() => _calls.Clear();

    public ValueTask<StoredResource?> FindAsync(ResourceKey key, CancellationToken cancellation) =>
        Noted($"find {key.Kind}").FindAsync(key, cancellation);

    public ValueTask<ResourceList> ListAsync(string kind, string? parent, CancellationToken cancellation) =>
        Noted($"list {kind}").ListAsync(kind, parent, cancellation);

    public ValueTask<long> RevisionAsync(string kind, CancellationToken cancellation) =>
        Noted($"revision {kind}").RevisionAsync(kind, cancellation);

    public ValueTask<ResourceChanges?> ChangesAsync(string kind, long afterRevision, CancellationToken cancellation) =>
        Noted($"changes {kind}").ChangesAsync(kind, afterRevision, cancellation);

    public Task<Result<StoredResource>> CreateAsync(
        ResourceKey key, ReadOnlyMemory<byte> spec, ReadOnlyMemory<byte> status, CancellationToken cancellation) =>
        Noted($"create {key.Kind}").CreateAsync(key, spec, status, cancellation);

    public Task<Result<StoredResource>> UpdateSpecAsync(
        ResourceKey key, long expectedSpecRevision, ReadOnlyMemory<byte> spec, CancellationToken cancellation) =>
        Noted($"write {key.Kind}").UpdateSpecAsync(key, expectedSpecRevision, spec, cancellation);

    public Task<Result<StoredResource>> UpdateStatusAsync(
        ResourceKey key, long expectedStatusRevision, ReadOnlyMemory<byte> status, CancellationToken cancellation) =>
        Noted($"write {key.Kind}").UpdateStatusAsync(key, expectedStatusRevision, status, cancellation);

    public Task<Result<StoredResource>> DeleteAsync(
        ResourceKey key, long expectedSpecRevision, long expectedStatusRevision, CancellationToken cancellation) =>
        Noted($"delete {key.Kind}").DeleteAsync(key, expectedSpecRevision, expectedStatusRevision, cancellation);

    public IAsyncEnumerable<ResourceChange> WatchAsync(string kind, long afterRevision, CancellationToken cancellation) =>
        Noted($"watch {kind}").WatchAsync(kind, afterRevision, cancellation);

    private IResourceStore Noted(string call)
    {
        lock (_calls) _calls.Add(call);
        Calling?.Invoke(call);
        return inner;
    }
}
