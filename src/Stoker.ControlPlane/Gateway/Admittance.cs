using Stoker.ControlPlane.Routing;

namespace Stoker.ControlPlane.Gateway;

/// <summary>A request's place on a replica, or the error to answer with.</summary>
/// <param name="Route">The deployment by the table that the place was found in.</param>
internal readonly record struct Admittance(Route Route, ReplicaLease? Lease, InferenceError? Error)
{
    public static Admittance Refused(Route route, InferenceError error) => new(route, null, error);
}
