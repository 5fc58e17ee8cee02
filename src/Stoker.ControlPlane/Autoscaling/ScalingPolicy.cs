namespace Stoker.ControlPlane.Autoscaling;

/// <summary>How fast a deployment's replica count follows its load.</summary>
/// <remarks>The up and down windows are of <see cref="ScalingMode.Windows"/> alone.</remarks>
/// <param name="UpWindow">How long load must last before replicas are added; zero means one second.</param>
/// <param name="DownWindow">How long load must be lower before replicas are taken away; zero means one
/// second.</param>
/// <param name="ToZeroWindow">How long a deployment must be idle before it has no replica; without effect when its
/// minimum is above 0.</param>
public sealed record ScalingPolicy(
    TimeSpan UpWindow, TimeSpan DownWindow, TimeSpan ToZeroWindow, ScalingMode Mode = ScalingMode.Windows)
{
    /// <summary>The hosted platform's longest up and down window.</summary>
    public static readonly TimeSpan LongestWindow = TimeSpan.FromHours(1);

    /// <summary>
    /// The hosted platform's shortest way to zero: below it, a cold start costs more than the idle replica.
    /// </summary>
    public static readonly TimeSpan ShortestToZeroWindow = TimeSpan.FromMinutes(5);

    /// <summary>The hosted platform's defaults.</summary>
    public static ScalingPolicy Default { get; } =
        new(TimeSpan.FromSeconds(30), TimeSpan.FromMinutes(10), TimeSpan.FromHours(1));

    /// <summary>
    /// As much of the past as the rule asks for: rates are means over the up window, at each second of the down window.
    /// Idle time is counted, not kept.
    /// </summary>
    public TimeSpan Memory => Mode == ScalingMode.Auto ? AutoRule.Memory : UpWindow + DownWindow;
}
