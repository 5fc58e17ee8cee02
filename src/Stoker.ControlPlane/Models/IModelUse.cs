using Stoker.Api.Names;
using Stoker.Api.Resources;

namespace Stoker.ControlPlane.Models;

/// <summary>Who uses models. Later slices register one each; a model in use cannot be deleted or filled anew.</summary>
public interface IModelUse
{
    /// <summary>
    /// Names of up to a few resources that use the model, such as its deployments; empty when none does.
    /// </summary>
    Task<IReadOnlyList<string>> FindUsersAsync(ModelName model, CancellationToken cancellation);

    /// <summary>Where an account has the model deployed as an addon.</summary>
    Task<IReadOnlyList<DeployedModelRefResource>> FindDeployedAsync(ModelName model, AccountName account, CancellationToken cancellation) =>
        Task.FromResult<IReadOnlyList<DeployedModelRefResource>>([]);
}
