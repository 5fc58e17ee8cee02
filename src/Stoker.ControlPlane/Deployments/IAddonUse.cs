using Stoker.Api.Names;

namespace Stoker.ControlPlane.Deployments;

/// <summary>Who knows the addons of a deployment: a later slice. One that has some keeps taking them.</summary>
public interface IAddonUse
{
    /// <summary>Names of a few addons that are loaded there; empty when none is.</summary>
    Task<IReadOnlyList<string>> FindAddonsAsync(DeploymentName deployment, CancellationToken cancellation);
}
