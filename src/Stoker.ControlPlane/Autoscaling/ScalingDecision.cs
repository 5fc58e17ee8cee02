namespace Stoker.ControlPlane.Autoscaling;

/// <summary>What moved the count, or kept it. Its wire name is the name in upper snake case.</summary>
public enum ScalingCause
{
    /// <summary>Nothing asks for another count.</summary>
    Steady,

    /// <summary>A new or restored deployment begins with max(min, 1).</summary>
    Created,

    /// <summary>A count was set by hand.</summary>
    ByHand,

    /// <summary>The bounds moved it.</summary>
    Bounds,

    /// <summary>From zero, because requests are held.</summary>
    Woke,

    /// <summary>Load lasted for the up window.</summary>
    LoadLasted,

    /// <summary>Load jumped, which the rule of mode auto does not wait about.</summary>
    LoadJumped,

    /// <summary>Load was lower for the whole down window.</summary>
    LoadFell,

    /// <summary>Nothing came for the scale-to-zero window.</summary>
    Idle,

    /// <summary>Load asks for more than the maximum.</summary>
    AtMaximum,

    /// <summary>The load is not known, which never moves the count.</summary>
    MissingData,

    /// <summary>The maximum is zero.</summary>
    Parked,
}

/// <summary>How many replicas there should be, and why.</summary>
/// <param name="Reason">One sentence with the numbers that decided.</param>
/// <param name="LookAgainAfter">When time alone, without another load, would lead to another count; null when only
/// another load can.</param>
public sealed record ScalingDecision(
    int Desired, ScalingCause Cause, string Reason, TimeSpan? LookAgainAfter, ScalingFacts Facts)
{
    public bool Changes => Facts.Before != Desired;

    /// <summary>
    /// Whoever applies it lets the windows begin anew: load from before must not undo at once what a person or a new
    /// start has set.
    /// </summary>
    public bool StartsAnew => Cause is ScalingCause.ByHand or ScalingCause.Created;
}

/// <summary>The numbers that a decision went by, for those who ask later.</summary>
/// <param name="Before">The count until then; null for the first decision.</param>
/// <param name="Sustained">What lasted over the up window: the lowest load and the mean rates; null when the window is
/// not known in full.</param>
/// <param name="Highest">The highest over the down window; null when that is not known in full, or nothing could go
/// down.</param>
/// <param name="Idle">How long nothing came, as far as is known.</param>
public sealed record ScalingFacts(
    DateTimeOffset Time,
    int? Before,
    int Min,
    int Max,
    int Queued,
    int Running,
    int Ready,
    int Starting,
    int? SequencesPerReplica,
    LoadMeasure? Sustained,
    LoadMeasure? Highest,
    TimeSpan Idle);
