namespace Stoker.Api.Resources;

public sealed record AccountResource
{
    public string? Name { get; init; }
    public string? DisplayName { get; init; }
    public DateTimeOffset? CreateTime { get; init; }
    public DateTimeOffset? UpdateTime { get; init; }
    public string? AccountType { get; init; }
    public string? Email { get; init; }
    public string? State { get; init; }
    public StatusResource? Status { get; init; }
    public string? SuspendState { get; init; }

    /// <summary>
    /// Whether a deployment that had requests within the last hour is deleted with <c>ignoreChecks</c> only. Ours
    /// beside the hosted surface, where it is always on; off unless set.
    /// </summary>
    public bool? DeploymentDeletionGuard { get; init; }
}

public sealed record UserResource
{
    public string? Name { get; init; }
    public string? DisplayName { get; init; }
    public bool? ServiceAccount { get; init; }
    public DateTimeOffset? CreateTime { get; init; }
    public DateTimeOffset? UpdateTime { get; init; }
    public string? Role { get; init; }
    public string? Email { get; init; }
    public string? State { get; init; }
    public StatusResource? Status { get; init; }
}

/// <summary>A key as the wire shows it; <see cref="Key"/> is there once, in the answer to its creation.</summary>
public sealed record ApiKeyResource
{
    public string? KeyId { get; init; }
    public string? DisplayName { get; init; }
    public string? Key { get; init; }
    public DateTimeOffset? CreateTime { get; init; }
    public bool? Secure { get; init; }
    public string? Email { get; init; }
    public string? Prefix { get; init; }
    public DateTimeOffset? ExpireTime { get; init; }

    /// <summary><c>inference</c>, <c>control</c> or <c>all</c>. Ours beside the hosted surface, as are the two below.</summary>
    public IReadOnlyList<string?>? Scopes { get; init; }

    /// <summary>To the minute across a restart of the server; null when it never was.</summary>
    public DateTimeOffset? LastUsedTime { get; init; }

    /// <summary>The full name of the user that it belongs to.</summary>
    public string? User { get; init; }
}

public sealed record CreateApiKeyRequest(ApiKeyResource? ApiKey);

public sealed record DeleteApiKeyRequest(string? KeyId);

public sealed record ListAccountsResponse
{
    public required IReadOnlyList<AccountResource> Accounts { get; init; }
    public string? NextPageToken { get; init; }
    public int TotalSize { get; init; }
}

public sealed record ListUsersResponse
{
    public required IReadOnlyList<UserResource> Users { get; init; }
    public string? NextPageToken { get; init; }
    public int TotalSize { get; init; }
}

public sealed record ListApiKeysResponse
{
    public required IReadOnlyList<ApiKeyResource> ApiKeys { get; init; }
    public string? NextPageToken { get; init; }
    public int TotalSize { get; init; }
}

/// <summary>Who the caller's key belongs to: <c>GET /v1/whoami</c>, ours beside the hosted surface.</summary>
public sealed record WhoAmIResponse(string Account, string User, string Role, string KeyId)
{
    public IReadOnlyList<string>? Scopes { get; init; }
}

/// <summary>The answer of operations that have nothing to say: <c>{}</c>.</summary>
public sealed record EmptyResponse;
