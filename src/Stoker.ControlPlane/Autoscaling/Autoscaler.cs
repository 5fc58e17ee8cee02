namespace Stoker.ControlPlane.Autoscaling;

/// <summary>
/// Decides how many replicas a deployment should have. The server and the simulator call the same function.
/// </summary>
/// <remarks>
/// In this order, the first that applies: (1) parked, (2) a count set by hand, (3) a beginning, (4) the rule of the
/// policy's mode, on a count that the bounds have been put around.
/// </remarks>
public static class Autoscaler
{
    /// <summary>Data older than this is missing data; a second is normal, and a busy machine may be late.</summary>
    public static readonly TimeSpan OldestData = TimeSpan.FromSeconds(5);

    /// <summary>The count with its reason in words.</summary>
    public static ScalingDecision Decide(ScalingInput input)
    {
        var choice = Choose(input);
        return new(choice.Count, choice.Cause, ScalingReasons.Say(input, choice), LookAgainAfter(input, choice), Facts(input, choice));
    }

    /// <summary>
    /// The count alone, without words: for whoever asks every second whether it is time to decide.
    /// </summary>
    public static int Count(ScalingInput input) => Choose(input).Count;

    /// <summary>
    /// Of a window that is at rest, and a question that was answered with the count that there is: the idle time up to
    /// which the answer stays, as long as nothing at all is seen.
    /// </summary>
    internal static TimeSpan RestsBelow(ScalingInput? asked, LoadWindow window) => asked switch
    {
        _ when !window.IsAtRest => TimeSpan.Zero,
        null or { Min: > 0 } or { Desired: 0 } => TimeSpan.MaxValue,
        { Policy.ToZeroWindow: var toZero } => toZero,
    };

    internal static ScalingChoice Choose(ScalingInput input)
    {
        if (input.Max == 0) return new(0, ScalingCause.Parked);
        if (input.ManualCount is { } manual) return new(Within(input, manual), ScalingCause.ByHand);
        if (input.Desired is not { } before) return new(Within(input, Math.Max(input.Min, 1)), ScalingCause.Created);

        var current = Within(input, before);
        var choice = input.Policy.Mode switch
        {
            ScalingMode.Windows => WindowsRule.Choose(input, current),
            ScalingMode.Auto => AutoRule.Choose(input, current),
            var mode => throw new NotSupportedException($"There is no scaling rule for the mode {mode}"),
        };
        var count = Within(input, choice.Count); // no rule, whatever it says, leaves the bounds
        return choice with { Count = count, Cause = count == current && current != before ? ScalingCause.Bounds : choice.Cause };
    }

    private static int Within(ScalingInput input, int count) => Math.Clamp(count, Math.Min(input.Min, input.Max), input.Max);

    /// <summary>Idle time runs out by itself; all else waits for another load.</summary>
    private static TimeSpan? LookAgainAfter(ScalingInput input, in ScalingChoice choice)
    {
        if (input.Min > 0 || choice.Count == 0 || input.Window.Idle == TimeSpan.Zero) return null;
        var left = input.Policy.ToZeroWindow - input.Window.Idle;
        return left > TimeSpan.Zero ? left : null;
    }

    private static ScalingFacts Facts(ScalingInput input, in ScalingChoice choice) => new(
        input.Now,
        input.Desired,
        input.Min,
        input.Max,
        input.Queued,
        input.Running,
        input.Ready,
        input.Starting,
        input.SequencesPerReplica,
        choice.Sustained,
        choice.Highest,
        input.Window.Idle);
}

/// <summary>What a rule chose, before it is put into words.</summary>
/// <param name="Need">What the load that decided needs.</param>
internal readonly record struct ScalingChoice(
    int Count, ScalingCause Cause, ReplicaNeed Need = default, LoadMeasure? Sustained = null, LoadMeasure? Highest = null)
{
    /// <summary>How long the load was looked at that decided.</summary>
    public TimeSpan Over { get; init; }

    /// <summary>It was looked at for longer because the load comes in bursts.</summary>
    public bool InBursts { get; init; }
}
