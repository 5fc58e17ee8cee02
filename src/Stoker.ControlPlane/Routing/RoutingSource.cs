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

    public void Publish(RoutingTable table)
    {
        var before = _current;
        _current = table;
        if (table.IsKnown) Tell(before, table);
        _changed.Raise();
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
