namespace Stoker.ControlPlane.Autoscaling;

/// <summary>All that a decision about a deployment's replica count is made of.</summary>
public sealed record ScalingInput
{
    public required ScalingPolicy Policy { get; init; }

    public required int Min { get; init; }

    /// <summary>0 parks the deployment.</summary>
    public required int Max { get; init; }

    public required LoadTargets Targets { get; init; }

    /// <summary>What the load was. The decision reads it and never changes it.</summary>
    public LoadWindow Window { get; init; } = LoadWindow.Nothing;

    /// <summary>How long ago the window's last second ended; 0 when it is as fresh as can be.</summary>
    public TimeSpan WindowAge { get; init; }

    /// <summary>The count that was wanted until now; null when nothing was decided yet.</summary>
    public required int? Desired { get; init; }

    /// <summary>Replicas that take requests.</summary>
    public int Ready { get; init; }

    /// <summary>Replicas that start or load. They count as coming capacity.</summary>
    public int Starting { get; init; }

    /// <summary>False until the deployment was READY for the first time.</summary>
    public bool EverReady { get; init; } = true;

    /// <summary>What one replica runs at once, as it reported; null before any did.</summary>
    public int? SequencesPerReplica { get; init; }

    /// <summary>A count that was set by hand and that no decision has taken up yet.</summary>
    public int? ManualCount { get; init; }

    /// <summary>Requests held now.</summary>
    public int Queued { get; init; }

    /// <summary>Requests running now.</summary>
    public int Running { get; init; }

    public required DateTimeOffset Now { get; init; }
}
