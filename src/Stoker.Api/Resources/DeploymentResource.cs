using System.Text.Json.Serialization;

namespace Stoker.Api.Resources;

/// <summary>
/// A deployment as the wire shows it; a create or update body is the same record with what the caller wants.
/// </summary>
/// <remarks>
/// Wire records hold text for enums and durations, so that one bad value becomes one violation with its field's name
/// instead of a parse error of the whole body. Null means absent. Property order is the order on the wire. Field
/// meanings: docs/deployments.md.
/// </remarks>
public sealed record DeploymentResource
{
    public string? BaseModel { get; init; }
    public string? Name { get; init; }
    public string? DisplayName { get; init; }
    public string? Description { get; init; }
    public DateTimeOffset? CreateTime { get; init; }
    public DateTimeOffset? ExpireTime { get; init; }
    public DateTimeOffset? PurgeTime { get; init; }
    public DateTimeOffset? DeleteTime { get; init; }
    public string? State { get; init; }
    public StatusResource? Status { get; init; }
    public int? MinReplicaCount { get; init; }
    public int? MaxReplicaCount { get; init; }
    public int? MaxWithRevocableReplicaCount { get; init; }
    public int? DesiredReplicaCount { get; init; }
    public int? ReplicaCount { get; init; }
    public ReplicaStatsResource? ReplicaStats { get; init; }
    public AutoscalingPolicyResource? AutoscalingPolicy { get; init; }
    public int? AcceleratorCount { get; init; }
    public string? AcceleratorType { get; init; }
    public string? Precision { get; init; }
    public string? Cluster { get; init; }
    public bool? EnableAddons { get; init; }
    public int? DraftTokenCount { get; init; }
    public string? DraftModel { get; init; }
    public int? NgramSpeculationLength { get; init; }
    public bool? EnableSessionAffinity { get; init; }
    public IReadOnlyList<string>? DirectRouteApiKeys { get; init; }
    public int? NumPeftDeviceCached { get; init; }
    public string? DirectRouteType { get; init; }
    public string? DirectRouteHandle { get; init; }
    public string? DeploymentTemplate { get; init; }
    public string? DeploymentShape { get; init; }
    public AutoTuneResource? AutoTune { get; init; }
    public PlacementResource? Placement { get; init; }
    public string? Region { get; init; }
    public bool? Emulated { get; init; }
    public StockoutResource? Stockout { get; init; }
    public int? MaxContextLength { get; init; }
    public DateTimeOffset? UpdateTime { get; init; }
    public bool? DisableDeploymentSizeValidation { get; init; }
    public bool? EnableMtp { get; init; }
    public bool? EnableHotReloadLatestAddon { get; init; }
    public bool? EnableHotLoad { get; init; }
    public string? HotLoadBucketType { get; init; }
    public string? HotLoadBucketUrl { get; init; }
    public string? ActiveModelVersion { get; init; }
    public string? TargetModelVersion { get; init; }
    public string? PricingPlanId { get; init; }
    public string? CreatedBy { get; init; }

    /// <summary>Ours: what it has used since it was created.</summary>
    public DeploymentUsageResource? StokerUsage { get; init; }

    /// <summary>Stoker's own: the hosted surface holds nothing.</summary>
    public HoldResource? StokerHold { get; init; }

    /// <summary>
    /// <c>RESUME</c>, which is usual, or <c>ERROR</c>: what becomes of a stream whose replica fails. Stoker's own.
    /// </summary>
    public string? StokerBrokenStreams { get; init; }

    /// <summary><c>BF16</c>, which is usual, or <c>FP8</c>: of the keys and values of contexts. Stoker's own.</summary>
    public string? StokerKvPrecision { get; init; }

    /// <summary>Addons that a replica has in memory at once, 16 where absent or 0; others are read when a request comes. Stoker's own.</summary>
    public int? StokerMaxLoadedAddons { get; init; }

    /// <summary>What a deployment of an addon runs; absent where <see cref="BaseModel"/> is no addon. Stoker's own.</summary>
    public LiveMergeResource? StokerLiveMerge { get; init; }
}

/// <summary>An addon that is part of the weights of its base model.</summary>
public sealed record LiveMergeResource
{
    public string? BaseModel { get; init; }
    public string? Addon { get; init; }
}

/// <summary>How much the gateway holds for a deployment while no replica is ready; what is absent is the server's.</summary>
public sealed record HoldResource
{
    public int? MaxRequests { get; init; }

    [JsonNumberHandling(JsonNumberHandling.WriteAsString | JsonNumberHandling.AllowReadingFromString)]
    public long? MaxBytes { get; init; }
    public string? Timeout { get; init; }
}

/// <summary>Detail of the latest operation: the name of a code and a message; absent when all is well.</summary>
public sealed record StatusResource(string Code, string Message);

/// <summary>Capacity that is missing, while replicas wait for it.</summary>
public sealed record StockoutResource
{
    public string? AcceleratorType { get; init; }

    /// <summary>Where it is missing; several with commas between when any of them would do.</summary>
    public string? Region { get; init; }

    /// <summary>Accelerators that one waiting replica needs.</summary>
    public int? AcceleratorCount { get; init; }

    /// <summary>Replicas that wait.</summary>
    public int? ReplicaCount { get; init; }

    /// <summary>Since when the first of them waits.</summary>
    public DateTimeOffset? StartTime { get; init; }
}

public sealed record ReplicaStatsResource
{
    public int? PendingSchedulingReplicaCount { get; init; }
    public int? DownloadingModelReplicaCount { get; init; }
    public int? InitializingReplicaCount { get; init; }
    public int? ReadyReplicaCount { get; init; }
}

public sealed record AutoscalingPolicyResource
{
    public string? ScaleUpWindow { get; init; }
    public string? ScaleDownWindow { get; init; }
    public string? ScaleToZeroWindow { get; init; }
    public IReadOnlyDictionary<string, double>? LoadTargets { get; init; }

    /// <summary><c>WINDOWS</c> or <c>AUTO</c>; ours.</summary>
    public string? AutoscalingMode { get; init; }
}

public sealed record AutoTuneResource
{
    public bool? LongPrompt { get; init; }
}

/// <summary>Where a deployment may run; exactly one of the three.</summary>
public sealed record PlacementResource
{
    public string? Region { get; init; }
    public string? MultiRegion { get; init; }
    public IReadOnlyList<string>? Regions { get; init; }
}

public sealed record ListDeploymentsResponse
{
    public required IReadOnlyList<DeploymentResource> Deployments { get; init; }
    public string? NextPageToken { get; init; }

    public int TotalSize { get; init; }
}

/// <summary>The body of <c>PATCH .../deployments/{d}:scale</c>.</summary>
public sealed record ScaleDeploymentRequest(int? ReplicaCount);
