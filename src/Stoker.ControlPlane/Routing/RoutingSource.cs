using Stoker.ControlPlane.Storage;

namespace Stoker.ControlPlane.Routing;

/// <summary>Holds the current table. One writer puts a new one in; a request takes it once.</summary>
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
        _current = table;
        _changed.Raise();
    }
}
