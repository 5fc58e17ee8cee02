using System.Collections.Concurrent;
using Stoker.ControlPlane.Storage;

namespace Stoker.ControlPlane.Tests.Metering;

/// <summary>A token ledger in memory that can be full, or keep who writes waiting.</summary>
internal sealed class MemoryRequestStore : IRequestStore
{
    private readonly Lock _gate = new();
    private readonly List<RequestRow> _rows = [];
    private readonly HashSet<string> _ids = [];
    private readonly ConcurrentQueue<int> _groups = [];

    public bool IsFull { get; set; }

    /// <summary>Writes wait for it.</summary>
    public Task Gate { get; set; } = Task.CompletedTask;

    /// <summary>Called when a write came and was refused.</summary>
    public Action Refused { get; set; } = () => { };

    /// <summary>How many rows were written together.</summary>
    public IReadOnlyCollection<int> Groups => _groups;

    public IReadOnlyList<RequestRow> Rows
    {
        get { lock (_gate) return [.. _rows]; }
    }

    public async Task AppendAsync(IReadOnlyList<RequestRow> rows, CancellationToken cancellation)
    {
        await Gate;
        if (IsFull)
        {
            Refused();
            throw new StorageException(StorageFault.Full, "full");
        }

        _groups.Enqueue(rows.Count);
        lock (_gate)
        {
            foreach (var row in rows)
            {
                if (_ids.Add(row.Id)) _rows.Add(row with { Number = _rows.Count + 1 });
            }
        }
    }

    public ValueTask<IReadOnlyList<RequestRow>> ReadAsync(long after, int most, CancellationToken cancellation) =>
        new([.. Rows.Where(row => row.Number > after).Take(most)]);

    public ValueTask<RequestRow?> FindAsync(string id, CancellationToken cancellation) => new(Rows.FirstOrDefault(row => row.Id == id));
}
