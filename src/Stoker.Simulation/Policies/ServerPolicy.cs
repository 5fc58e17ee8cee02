using Stoker.ControlPlane.Autoscaling;

namespace Stoker.Simulation.Policies;

/// <summary>The server's autoscaler itself, with the settings of a deployment.</summary>
public sealed class ServerPolicy(ScaledSettings settings) : IFleetPolicy
{
    private readonly LoadWindow _window = new(settings.Policy.Memory);
    private readonly LoadTargets _targets = LoadTargets.From(settings.Targets, settings.Policy.Mode);

    /// <summary>The last change, with its reason; null before the first.</summary>
    public ScalingDecision? Last { get; private set; }

    public int StartCount(double meanLoad, int slots) => Math.Clamp(
        _targets.Needed(LoadMeasure.Of((int)Math.Ceiling(meanLoad)), slots).Count, settings.MinReplicas, settings.MaxReplicas);

    public void Observe(long second, in LoadBucket bucket) => _window.Add(second, bucket);

    public int Decide(in FleetView view)
    {
        var input = new ScalingInput
        {
            Policy = settings.Policy,
            Min = settings.MinReplicas,
            Max = settings.MaxReplicas,
            Targets = _targets,
            Window = _window,
            Desired = view.Desired,
            Ready = view.Ready,
            Starting = view.Starting,
            SequencesPerReplica = view.Slots,
            Queued = view.Queued,
            Running = view.Running,
            Now = view.Time,
        };
        // As the server's sampler: the words only when the count moves.
        if (Autoscaler.Count(input) == view.Desired) return view.Desired;
        Last = Autoscaler.Decide(input);
        return Last.Desired;
    }
}
