namespace Stoker.ControlPlane.Routing;

/// <summary>Holds the current table. One writer puts a new one in; a request takes it once.</summary>
public sealed class RoutingSource
{
    private volatile RoutingTable _current = RoutingTable.Empty;

    public RoutingTable Current => _current;

    public void Publish(RoutingTable table) => _current = table;
}
