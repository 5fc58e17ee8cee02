namespace Stoker.ControlPlane.Reconciling;

/// <summary>
/// Work of a slice that only the server with the controllers does. It runs beside the deployments' loop, from the time when
/// the replicas are taken over until the lease is given away.
/// </summary>
public interface IControlledLoop
{
    /// <summary>Ends by cancellation alone; what goes wrong inside is logged and tried again there.</summary>
    Task RunAsync(CancellationToken held);
}
