namespace Stoker.Api.Resources;

/// <summary>
/// What a deployment has used up to the last proof of life that is written; seconds with seven decimals at most.
/// </summary>
/// <remarks>Ours, beside the hosted surface. The rule that they follow: docs/metering.md.</remarks>
public sealed record DeploymentUsageResource
{
    /// <summary>GPU seconds: of each replica its seconds times its accelerators.</summary>
    public double? AcceleratorSeconds { get; init; }

    /// <summary>The part of them that was reserved capacity.</summary>
    public double? ReservedAcceleratorSeconds { get; init; }

    public double? ReplicaSeconds { get; init; }
}

/// <summary>What one deployment of an account has used, whether it is still there or not.</summary>
public sealed record DeploymentUseResource
{
    public string? Deployment { get; init; }

    /// <summary>Of several deployments that had the name one after another, this one's.</summary>
    public DateTimeOffset? CreateTime { get; init; }
    public double? AcceleratorSeconds { get; init; }
    public double? ReservedAcceleratorSeconds { get; init; }
    public double? ReplicaSeconds { get; init; }
}

/// <summary>The answer of <c>GET .../accounts/{a}/usage</c>.</summary>
public sealed record ListUsageResponse
{
    public required IReadOnlyList<DeploymentUseResource> Usage { get; init; }
    public string? NextPageToken { get; init; }
    public int TotalSize { get; init; }
}

/// <summary>A day, in UTC, on one kind of accelerator in one region.</summary>
public sealed record DayOfUseResource
{
    /// <summary>Such as <c>2030-01-31</c>.</summary>
    public string? Day { get; init; }
    public string? AcceleratorType { get; init; }
    public string? Region { get; init; }
    public bool? Reserved { get; init; }
    public double? AcceleratorSeconds { get; init; }
    public double? ReplicaSeconds { get; init; }
}

/// <summary>The answer of <c>GET .../deployments/{d}:usage</c>.</summary>
public sealed record ListDaysOfUseResponse
{
    public required IReadOnlyList<DayOfUseResource> Days { get; init; }
    public string? NextPageToken { get; init; }
    public int TotalSize { get; init; }
}

/// <summary>One life of one replica, or the part of it with or without a reservation.</summary>
public sealed record ReplicaIntervalResource
{
    public string? Replica { get; init; }

    /// <summary><c>RUNNING</c> or <c>ENDED</c>.</summary>
    public string? State { get; init; }
    public DateTimeOffset? StartTime { get; init; }

    /// <summary>Of one that runs: its last proof of life that is written.</summary>
    public DateTimeOffset? EndTime { get; init; }
    public string? AcceleratorType { get; init; }
    public int? AcceleratorCount { get; init; }
    public string? Region { get; init; }
    public bool? Reserved { get; init; }
    public double? AcceleratorSeconds { get; init; }
    public double? ReplicaSeconds { get; init; }
}

/// <summary>The answer of <c>GET .../deployments/{d}:intervals</c>.</summary>
public sealed record ListReplicaIntervalsResponse
{
    public required IReadOnlyList<ReplicaIntervalResource> Intervals { get; init; }
    public string? NextPageToken { get; init; }
    public int TotalSize { get; init; }
}

/// <summary>The answer of <c>GET .../deployments/{d}:verifyUsage</c>: the ledger's proof of itself.</summary>
public sealed record VerifyUsageResponse
{
    /// <summary>Nothing contradicts itself. Late proofs of life are findings, and no contradiction.</summary>
    public bool Consistent { get; init; }
    public int EventCount { get; init; }
    public required IReadOnlyList<UsageFindingResource> Findings { get; init; }
}

/// <param name="Late">Proofs of life came later than the bound: nothing is wrong, but a crash would have lost
/// more.</param>
public sealed record UsageFindingResource(string Replica, DateTimeOffset Time, bool Late, string Message);
