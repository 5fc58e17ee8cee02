using Stoker.Api.Names;

namespace Stoker.ControlPlane.Routing;

/// <summary>What the <c>model</c> field of an inference request names. Only parsing makes one.</summary>
/// <remarks>
/// Forms: <c>accounts/A/models/M#accounts/B/deployments/D</c> and its shorthand <c>A/M#B/D</c> (the two halves may
/// mix),
/// <c>accounts/B/deployments/D</c>, <c>accounts/A/models/M</c> and its shorthand <c>A/M</c>, <c>accounts/A/deployedModels/DM</c>. Names of
/// routers have no form here: none exist yet, so they answer like every name of nothing. A model is a base model or an addon.
/// </remarks>
public sealed record ModelReference
{
    /// <summary>Longer text names nothing: two full names and the sign between them.</summary>
    public const int MaxLength = 300;

    private ModelReference(ModelName? model, DeploymentName? deployment) => (Model, Deployment) = (model, deployment);

    /// <summary>The model, or null when the deployment alone is named.</summary>
    public ModelName? Model { get; }

    public DeploymentName? Deployment { get; }

    /// <summary>An addon on its deployment; then there is nothing else.</summary>
    public DeployedModelName? DeployedModel { get; private init; }

    /// <returns>Null for text that can name nothing.</returns>
    public static ModelReference? Parse(string text)
    {
        if (text.Length > MaxLength) return null;
        var parts = text.Split('#');
        if (parts.Length == 2)
        {
            return ParseModel(parts[0]) is { } model && ParseDeployment(parts[1]) is { } on ? new(model, on) : null;
        }

        if (parts.Length != 1) return null;
        if (DeploymentName.TryParse(text, out var deployment)) return new(null, deployment);
        if (DeployedModelName.TryParse(text, null, out var deployed)) return new(null, null) { DeployedModel = deployed };
        return ParseModel(text) is { } alone ? new(alone, null) : null;
    }

    private static ModelName? ParseModel(string text)
    {
        if (ModelName.TryParse(text, out var name)) return name;
        return ParsePair(text) is var (account, id) ? new(account, id) : null;
    }

    private static DeploymentName? ParseDeployment(string text)
    {
        if (DeploymentName.TryParse(text, out var name)) return name;
        return ParsePair(text) is var (account, id) ? new(account, id) : null;
    }

    private static (ResourceId Account, ResourceId Id)? ParsePair(string text) =>
        text.Split('/') is [var account, var id]
        && ResourceId.TryParse(account, out var accountId)
        && ResourceId.TryParse(id, out var ownId)
            ? (accountId, ownId)
            : null;
}
