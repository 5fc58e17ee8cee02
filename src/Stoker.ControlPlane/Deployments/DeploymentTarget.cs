using Stoker.Api.Problems;
using Stoker.ControlPlane.Models;

namespace Stoker.ControlPlane.Deployments;

/// <summary>What a deployment's replicas run: a model, or an addon that is merged into the weights of its base (live merge).</summary>
/// <param name="Model">Whose weights, tokenizer, limits and drafts they are: of an addon, its base model.</param>
/// <param name="Merged">The addon that becomes part of the weights, whose name the deployment has; null: none.</param>
internal sealed record DeploymentTarget(Model Model, Model? Merged)
{
    /// <param name="named">The model that the deployment names.</param>
    /// <returns>FAILED_PRECONDITION for an addon whose base is not here.</returns>
    public static async ValueTask<Result<DeploymentTarget>> OfAsync(Model named, ModelStore models, CancellationToken cancellation)
    {
        if (named.Kind != ModelKind.HfPeftAddon) return new DeploymentTarget(named, Merged: null);
        return named.BaseModel is { } name && await models.FindAsync(name, cancellation) is { } own
            ? new DeploymentTarget(Under(named, own), named)
            : Problem.FailedPrecondition(
                $"{named.Name} is an addon of {named.BaseModel?.ToString() ?? "a model that it does not name"}, which is not here: upload that first (firectl create model), then merge the addon");
    }

    /// <summary>The base model with what the addon's owner said of the addon: a shorter context, another draft model.</summary>
    private static Model Under(Model addon, Model own) => own with
    {
        ContextLength = addon.ContextLength < (own.ContextLength ?? int.MaxValue) ? addon.ContextLength : own.ContextLength,
        DefaultDraftModel = addon.DefaultDraftModel ?? own.DefaultDraftModel,
        DefaultDraftTokenCount = addon.DefaultDraftModel is null ? own.DefaultDraftTokenCount : addon.DefaultDraftTokenCount,
    };
}
