using Stoker.Api.Names;

namespace Stoker.ControlPlane.Deployments;

/// <summary>
/// The platform's own deployments, which serve every account: those of the library's account, in which nobody else can make any.
/// </summary>
public static class SharedDeployment
{
    public static bool IsShared(this DeploymentName name) => name.Account == AccountName.Library.Account;

    /// <summary>The one that serves a model of the library.</summary>
    public static DeploymentName Of(ModelName model) => AccountName.Library.Deployment(model.Model);
}
