using Stoker.ControlPlane.Autoscaling;

namespace Stoker.Simulation.Policies;

/// <summary>What is there when a policy is asked.</summary>
/// <param name="Desired">What it asked for last.</param>
/// <param name="Slots">Requests that one replica runs at once.</param>
public readonly record struct FleetView(
    DateTimeOffset Time, int Desired, int Ready, int Starting, int Queued, int Running, int Slots);

/// <summary>Says how many replicas there should be. One serves one run.</summary>
public interface IFleetPolicy
{
    /// <summary>Replicas that are ready when the trace begins.</summary>
    /// <param name="meanLoad">Requests under way on average.</param>
    int StartCount(double meanLoad, int slots);

    /// <summary>Called at the end of every second.</summary>
    /// <param name="second">Counts the seconds of the run.</param>
    void Observe(long second, in LoadBucket bucket);

    /// <summary>Called every tick, and at once when a request finds no replica wanted.</summary>
    int Decide(in FleetView view);
}
