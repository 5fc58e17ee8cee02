using Stoker.ControlPlane.Autoscaling;

namespace Stoker.Simulation.Policies;

/// <summary>So many replicas, always.</summary>
public sealed class ConstantFleet(int replicas) : IFleetPolicy
{
    public int StartCount(double meanLoad, int slots) => replicas;

    public void Observe(long second, in LoadBucket bucket)
    {
    }

    public int Decide(in FleetView view) => replicas;
}
