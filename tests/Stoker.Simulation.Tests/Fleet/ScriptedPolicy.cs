using Stoker.ControlPlane.Autoscaling;
using Stoker.Simulation.Policies;

namespace Stoker.Simulation.Tests.Fleet;

/// <summary>Wants what the test says: the count of the last step that began, and the first count from the begin.</summary>
internal sealed class ScriptedPolicy(params (double Seconds, int Count)[] steps) : IFleetPolicy
{
    private long _second;

    public List<FleetView> Views { get; } = [];

    public List<LoadBucket> Buckets { get; } = [];

    public int StartCount(double meanLoad, int slots) => steps[0].Count;

    public void Observe(long second, in LoadBucket bucket)
    {
        second.ShouldBe(_second++);
        Buckets.Add(bucket);
    }

    public int Decide(in FleetView view)
    {
        Views.Add(view);
        return steps.Last(step => step.Seconds <= _second).Count;
    }
}
