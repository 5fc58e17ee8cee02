namespace Stoker.Api.Resources;

/// <summary>The answer of <c>GET .../deployments/{d}:explain</c>: why it has as many replicas as it has.</summary>
public sealed record ExplainDeploymentResponse
{
    public required string Deployment { get; init; }
    public int DesiredReplicaCount { get; init; }

    /// <summary>
    /// What would be decided at this moment; absent when another server controls the deployment, and when it is
    /// deleted.
    /// </summary>
    public ScalingDecisionResource? Now { get; init; }

    /// <summary>Newest first.</summary>
    public required IReadOnlyList<ScalingDecisionResource> Decisions { get; init; }
}

/// <summary>One decision about a replica count, with what it was made of.</summary>
public sealed record ScalingDecisionResource
{
    public DateTimeOffset Time { get; init; }

    /// <summary>Absent for the first decision.</summary>
    public int? PreviousReplicaCount { get; init; }
    public int DesiredReplicaCount { get; init; }
    public required string Cause { get; init; }
    public required string Reason { get; init; }
    public required ScalingInputsResource Inputs { get; init; }
}

public sealed record ScalingInputsResource
{
    public int MinReplicaCount { get; init; }
    public int MaxReplicaCount { get; init; }
    public int QueuedRequests { get; init; }
    public int RunningRequests { get; init; }
    public int ReadyReplicaCount { get; init; }
    public int StartingReplicaCount { get; init; }
    public int? SequencesPerReplica { get; init; }

    /// <summary>What lasted over the up window; absent when not all of it is known.</summary>
    public LoadResource? SustainedLoad { get; init; }

    /// <summary>The highest over the down window; absent when it was not asked for or not all of it is known.</summary>
    public LoadResource? HighestLoad { get; init; }

    /// <summary>A duration, such as <c>90s</c>.</summary>
    public required string IdleDuration { get; init; }
}

/// <summary>Load of all replicas together, by the keys of load targets.</summary>
public sealed record LoadResource
{
    public double ConcurrentRequests { get; init; }
    public double RequestsPerSecond { get; init; }
    public double PromptTokensPerSecond { get; init; }
    public double TokensGeneratedPerSecond { get; init; }
}
