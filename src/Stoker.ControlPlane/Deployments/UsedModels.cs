using Stoker.Api.Names;
using Stoker.ControlPlane.Models;

namespace Stoker.ControlPlane.Deployments;

/// <summary>The models that a deployment's replicas are started with, as they are now.</summary>
/// <param name="Target">Null when it is gone, for <paramref name="Missing"/>.</param>
/// <param name="Draft">Null when none drafts, or when it is gone.</param>
internal sealed record UsedModels(DeploymentTarget? Target, Model? Draft, string? Missing)
{
    public static async ValueTask<UsedModels> FindAsync(ModelStore models, DeploymentSpec spec, CancellationToken cancellation)
    {
        var draft = ModelName.TryParse(spec.Drafting?.Model, out var drafting) ? await models.FindAsync(drafting, cancellation) : null;
        if (await models.FindAsync(spec.BaseModel, cancellation) is not { } named)
        {
            return new(null, draft, $"Its model {spec.BaseModel} is gone: upload it again, or delete the deployment");
        }

        return (await DeploymentTarget.OfAsync(named, models, cancellation)).TryGet(out var target, out var problem)
            ? new(target, draft, Missing: null)
            : new(null, draft, problem.Message);
    }

    /// <summary>Whether the files that a replica needs are there, as long as <see cref="Problem"/> found nothing.</summary>
    /// <param name="simulated">It needs none.</param>
    public bool CanStart(bool simulated) =>
        Target is { } target && (simulated || (target.Model.Folder is not null && (target.Merged is null || target.Merged.Folder is not null)));

    /// <summary>Why no replica can be started; null when one can.</summary>
    public string? Problem(DeploymentSpec spec, bool simulated)
    {
        if (Target is not { } target) return Missing;
        if (spec.Drafting?.Model is { } name && Draft?.IsReady != true && !simulated)
        {
            return $"Its draft model {name} is gone or has no weights: upload it again, or switch drafts off (--draft-token-count 0)";
        }

        return DeploymentRules.Startable(spec, target, simulated)?.Message;
    }
}
