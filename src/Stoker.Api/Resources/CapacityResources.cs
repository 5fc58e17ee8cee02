using System.Text.Json.Serialization;

namespace Stoker.Api.Resources;

/// <summary>Accelerators of a type in a region that an account is guaranteed for a time.</summary>
public sealed record ReservationResource
{
    public string? Name { get; init; }
    public string? DisplayName { get; init; }
    public string? Description { get; init; }
    public DateTimeOffset? CreateTime { get; init; }
    public DateTimeOffset? UpdateTime { get; init; }
    public string? CreatedBy { get; init; }
    public string? AcceleratorType { get; init; }
    public int? ReservedCount { get; init; }
    public string? Region { get; init; }

    /// <summary>Absent: from its creation.</summary>
    public DateTimeOffset? StartTime { get; init; }

    /// <summary>Absent: until it is deleted.</summary>
    public DateTimeOffset? EndTime { get; init; }

    /// <summary>Whether it holds now.</summary>
    public bool? Active { get; init; }

    /// <summary>Whether what is reserved is emulated.</summary>
    public bool? Emulated { get; init; }
}

public sealed record ListReservationsResponse
{
    public required IReadOnlyList<ReservationResource> Reservations { get; init; }
    public string? NextPageToken { get; init; }
    public int TotalSize { get; init; }
}

/// <summary>How many accelerators of a type an account may hold at once. The numbers are int64, so text.</summary>
public sealed record QuotaResource
{
    public string? Name { get; init; }

    /// <summary>What is enforced; absent: no limit.</summary>
    [JsonNumberHandling(JsonNumberHandling.WriteAsString | JsonNumberHandling.AllowReadingFromString)]
    public long? Value { get; init; }

    /// <summary>The operator's limit, below which an account may set its own; absent: none.</summary>
    [JsonNumberHandling(JsonNumberHandling.WriteAsString | JsonNumberHandling.AllowReadingFromString)]
    public long? MaxValue { get; init; }

    public double? Usage { get; init; }
    public string? AcceleratorType { get; init; }

    /// <summary>Added to the value by reservations that hold now.</summary>
    public int? ReservedCount { get; init; }
    public DateTimeOffset? UpdateTime { get; init; }
}

public sealed record ListQuotasResponse
{
    public required IReadOnlyList<QuotaResource> Quotas { get; init; }
    public string? NextPageToken { get; init; }
    public int TotalSize { get; init; }
}

/// <summary>A region, and what of it the asking account could take now.</summary>
public sealed record RegionResource
{
    public string? Name { get; init; }
    public IReadOnlyList<string>? AcceleratorTypes { get; init; }
    public int? AcceleratorCount { get; init; }
    public int? AvailableCount { get; init; }

    /// <summary>No accelerators are there: replicas are emulated.</summary>
    public bool? Emulated { get; init; }
}

public sealed record ListRegionsResponse
{
    public required IReadOnlyList<RegionResource> Regions { get; init; }
    public string? NextPageToken { get; init; }
    public int TotalSize { get; init; }
}

/// <summary>The accelerators of one type in one region.</summary>
public sealed record AcceleratorResource
{
    public string? Name { get; init; }
    public string? AcceleratorType { get; init; }
    public string? Region { get; init; }

    /// <summary>All there are, used or not.</summary>
    public int? Count { get; init; }

    /// <summary>What the asking account could take now: free, not reserved for others, within its quota.</summary>
    public int? AvailableCount { get; init; }

    /// <summary>Reserved now for the asking account.</summary>
    public int? ReservedCount { get; init; }

    [JsonNumberHandling(JsonNumberHandling.WriteAsString | JsonNumberHandling.AllowReadingFromString)]
    public long? MemoryBytes { get; init; }
    public bool? Emulated { get; init; }
}

public sealed record ListAcceleratorsResponse
{
    public required IReadOnlyList<AcceleratorResource> Accelerators { get; init; }
    public string? NextPageToken { get; init; }
    public int TotalSize { get; init; }
}
