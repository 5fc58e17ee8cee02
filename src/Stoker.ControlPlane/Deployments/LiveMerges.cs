using Stoker.Api.Names;
using Stoker.Api.Resources;
using Stoker.ControlPlane.Models;

namespace Stoker.ControlPlane.Deployments;

/// <summary>Addon and base of deployments whose model is an addon, as the wire shows them. For one request, which asks for each model once.</summary>
internal sealed class LiveMerges(ModelStore models)
{
    private readonly Dictionary<ModelName, LiveMergeResource?> _seen = [];

    public async Task<DeploymentResource> ShowAsync(DeploymentResource shown, Deployment deployment, CancellationToken cancellation)
    {
        await FindAsync([deployment], cancellation);
        return Show(shown, deployment);
    }

    public async Task FindAsync(IEnumerable<Deployment> deployments, CancellationToken cancellation)
    {
        foreach (var name in deployments.Select(deployment => deployment.Spec.BaseModel))
        {
            if (_seen.ContainsKey(name)) continue;
            var addon = await models.FindAsync(name, cancellation) is { Kind: ModelKind.HfPeftAddon } found ? found : null;
            _seen.Add(name, addon is null ? null : new() { Addon = name.ToString(), BaseModel = addon.BaseModel?.ToString() });
        }
    }

    /// <param name="deployment">One of those that were found.</param>
    public DeploymentResource Show(DeploymentResource shown, Deployment deployment) =>
        _seen[deployment.Spec.BaseModel] is { } merge ? shown with { StokerLiveMerge = merge } : shown;
}
