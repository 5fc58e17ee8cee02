namespace Stoker.ControlPlane.Autoscaling;

/// <summary>To zero and from it, the same under every rule.</summary>
internal static class ZeroRule
{
    /// <summary>
    /// Held requests are the only wake. What still runs on a replica that drains needs no new one.
    /// </summary>
    public static ScalingChoice FromZero(ScalingInput input)
    {
        if (input.Queued <= 0) return new(0, ScalingCause.Steady);
        var need = input.Targets.Needed(LoadMeasure.Of(input.Queued), input.SequencesPerReplica);
        return new(Math.Max(1, need.Count), ScalingCause.Woke, need);
    }

    public static bool IsIdle(ScalingInput input) =>
        input is { Min: 0, EverReady: true, Queued: 0, Running: 0 }
        && input.Window.Idle >= input.Policy.ToZeroWindow
        && (input.Ready > 0 || input.Starting == 0); // a slow starter is not given up before it was ever ready
}
