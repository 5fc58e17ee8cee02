using System.Collections.Concurrent;

namespace Stoker.Benchmarks.Chaos;

/// <summary>What must never be found.</summary>
internal enum Violation
{
    /// <summary>A process that no deployment wants.</summary>
    Orphan,

    /// <summary>A replica or a deployment twice, two replicas on one accelerator, more replicas than wanted.</summary>
    Duplicate,

    /// <summary>Something acknowledged that is not what the server shows, or that does not come to run.</summary>
    Lost,

    /// <summary>The ledger contradicts itself, or what was seen by more than its bound.</summary>
    Ledger,
}

/// <summary>What was found, each once.</summary>
internal sealed class Findings
{
    private readonly ConcurrentDictionary<(Violation Kind, string Message), int> _all = new();

    public IReadOnlyList<(Violation Kind, string Message)> All => [.. _all.OrderBy(found => found.Value).Select(found => found.Key)];

    public void Add(Violation kind, string message) => _all.TryAdd((kind, message), _all.Count);

    public int Count(Violation kind) => _all.Keys.Count(found => found.Kind == kind);
}
