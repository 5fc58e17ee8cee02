namespace Stoker.Api.Resources;

/// <summary>An addon on a deployment, as the wire shows it. Property order is the order on the wire; null means absent.</summary>
public sealed record DeployedModelResource
{
    public string? Name { get; init; }
    public string? DisplayName { get; init; }
    public string? Description { get; init; }
    public DateTimeOffset? CreateTime { get; init; }
    public DateTimeOffset? UpdateTime { get; init; }

    /// <summary>The addon.</summary>
    public string? Model { get; init; }
    public string? Deployment { get; init; }

    /// <summary>Answers for the model's name alone.</summary>
    public bool? Default { get; init; }

    /// <summary><c>DEPLOYING</c>, <c>DEPLOYED</c>, <c>UNDEPLOYING</c>; ours: <c>FAILED</c>.</summary>
    public string? State { get; init; }
    public bool? Serverless { get; init; }
    public StatusResource? Status { get; init; }

    /// <summary>Any account's key may call it; its owner pays.</summary>
    public bool? Public { get; init; }
}

public sealed record ListDeployedModelsResponse
{
    public required IReadOnlyList<DeployedModelResource> DeployedModels { get; init; }
    public string? NextPageToken { get; init; }
    public int TotalSize { get; init; }
}
