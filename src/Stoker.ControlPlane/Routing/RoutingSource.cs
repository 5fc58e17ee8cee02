using Stoker.ControlPlane.Storage;

namespace Stoker.ControlPlane.Routing;

/// <summary>
/// Holds the current table. One writer puts a new one in; a request takes it once. Requests that are held follow every
/// new one: that is how they learn of a replica, or that none will come.
/// </summary>
public sealed class RoutingSource
{
    private readonly ChangeSignal _changed = new();
    private volatile RoutingTable _current = RoutingTable.Unknown;

    public RoutingTable Current => _current;

    /// <summary>
    /// Ends with the next table. Take it before <see cref="Current"/>, so that no table falls between the two.
    /// </summary>
    public Task Changed => _changed.Next;

    /// <summary>The table, as soon as there is one: who comes right after a start waits a moment.</summary>
    /// <returns>After <paramref name="patience"/> what there is, be it <see cref="RoutingTable.Unknown"/>.</returns>
    public ValueTask<RoutingTable> KnownAsync(TimeSpan patience, TimeProvider time, CancellationToken cancellation) =>
        _current is { IsKnown: true } known ? new(known) : new(FirstAsync(patience, time, cancellation));

    public void Publish(RoutingTable table)
    {
        var before = _current;
        _current = table;
        if (table.IsKnown) Tell(before, table);
        _changed.Raise();
    }

    private async Task<RoutingTable> FirstAsync(TimeSpan patience, TimeProvider time, CancellationToken cancellation)
    {
        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var end = Task.Delay(patience, time, over.Token);
        while (true)
        {
            var changed = Changed;
            var table = _current;
            if (table.IsKnown || end.IsCompleted)
            {
                cancellation.ThrowIfCancellationRequested();
                await over.CancelAsync(); // takes the timer down
                return table;
            }

            await Task.WhenAny(changed, end);
        }
    }

    // A request may have entered a queue by the table before: it gets the table after, and whoever enters after this
    // sees that one at once.
    private static void Tell(RoutingTable before, RoutingTable table)
    {
        foreach (var route in before.All)
        {
            var next = table.Find(route.Name);
            if (next is null || next.Queue != route.Queue) route.Queue.Follow(next);
        }

        foreach (var route in table.All)
        {
            if (!ReferenceEquals(before.Find(route.Name), route)) route.Queue.Follow(route); // the same one was told already
        }
    }
}
