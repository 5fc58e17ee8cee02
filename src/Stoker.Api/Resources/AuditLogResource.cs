namespace Stoker.Api.Resources;

/// <summary>One call that changed something, or was to: who, what, when, from where. Never a body, never a secret.</summary>
public sealed record AuditLogResource
{
    public string? Id { get; init; }
    public DateTimeOffset? Timestamp { get; init; }

    /// <summary>The full name of the user whose key was used.</summary>
    public string? Principal { get; init; }

    public string? Email { get; init; }
    public string? Method { get; init; }
    public string? Resource { get; init; }
    public StatusResource? Status { get; init; }
    public bool? IsAdminAction { get; init; }

    /// <summary>Which key of the user; ours beside the hosted surface, as is the address.</summary>
    public string? KeyId { get; init; }

    /// <summary>The address of the connection: of the last proxy, where there is one.</summary>
    public string? RemoteAddress { get; init; }
}

public sealed record ListAuditLogsResponse
{
    public required IReadOnlyList<AuditLogResource> AuditLogs { get; init; }
    public string? NextPageToken { get; init; }

    /// <summary>Absent where a filter is given.</summary>
    public int? TotalSize { get; init; }
}
