using System.Collections.Immutable;

namespace Stoker.ControlPlane.Storage;

/// <summary>
/// The rows of a kind as they were read last, brought up to date from the store's own record of changes each time that
/// they are asked for: a list of a thousand rows costs what changed since the last one, and is never older than the call.
/// </summary>
internal sealed class KnownRows(IResourceStore store, string kind)
{
    private readonly Lock _gate = new();
    private volatile State? _state;

    /// <summary>All rows at one revision, by name in ordinal order.</summary>
    public async ValueTask<(long Revision, IEnumerable<StoredResource> Rows, int Count)> ReadAsync(CancellationToken cancellation)
    {
        var state = await CatchUpAsync(cancellation);
        return (state.Revision, state.Rows.Values, state.Rows.Count);
    }

    private async ValueTask<State> CatchUpAsync(CancellationToken cancellation)
    {
        if (_state is { } known && await store.ChangesAsync(kind, known.Revision, cancellation) is { } changes)
        {
            lock (_gate)
            {
                // Another reader may have come further meanwhile. What it lacks of ours is put on top: each change has the
                // whole row, so that nothing is undone or done twice.
                var latest = _state!;
                return latest.Revision >= changes.Revision ? latest : _state = latest.With(changes);
            }
        }

        var list = await store.ListAsync(kind, parent: null, cancellation);
        var read = new State(list.Revision, list.Items.ToImmutableSortedDictionary(row => row.Key.Name, row => row, StringComparer.Ordinal));
        lock (_gate)
        {
            return _state is { } other && other.Revision >= read.Revision ? other : _state = read;
        }
    }

    private sealed record State(long Revision, ImmutableSortedDictionary<string, StoredResource> Rows)
    {
        public State With(ResourceChanges changes)
        {
            if (changes.Items.Count == 0) return this with { Revision = changes.Revision };
            var rows = Rows.ToBuilder();
            foreach (var change in changes.Items)
            {
                if (change.Resource is { } row) rows[change.Key.Name] = row;
                else rows.Remove(change.Key.Name);
            }

            return new(changes.Revision, rows.ToImmutable());
        }
    }
}
