using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using Stoker.Api.Names;
using Stoker.Api.Resources;
using Stoker.ControlPlane.Deployments;
using Stoker.ControlPlane.Models;
using Stoker.ControlPlane.Reconciling;

namespace Stoker.ControlPlane.Addons;

public static class AddonServices
{
    /// <summary>Addons on deployments. Needs the models and the deployments.</summary>
    public static IServiceCollection AddAddons(this IServiceCollection services)
    {
        services.AddOptions<AddonsOptions>().BindConfiguration(AddonsOptions.Section).ValidateOnStart();
        services.AddSingleton<IValidateOptions<AddonsOptions>, AddonsOptionsValidator>();
        services.AddSingleton<DeployedModelStore>();
        services.AddSingleton<AddonDirectory>();
        services.TryAddSingleton<AddonDemand>(); // the gateway writes it
        services.AddSingleton<AddonCommands>();
        services.AddSingleton<AddonReconciler>();
        services.AddSingleton<IControlledLoop>(provider => provider.GetRequiredService<AddonReconciler>());
        services.AddSingleton<IModelUse, AddonModelUse>();
        services.AddSingleton<IAddonUse, AddonUse>();
        return services;
    }
}

/// <summary>Keeps an addon's files in place while it is deployed.</summary>
internal sealed class AddonModelUse(DeployedModelStore store) : IModelUse
{
    private const int MostNames = 5;

    public async Task<IReadOnlyList<string>> FindUsersAsync(ModelName model, CancellationToken cancellation) =>
        [.. (await store.Rows.ListAsync(null, cancellation)).Items.Where(row => row.Spec.Model == model).Select(row => row.Name.ToString()).Take(MostNames)];

    public async Task<IReadOnlyList<DeployedModelRefResource>> FindDeployedAsync(ModelName model, AccountName account, CancellationToken cancellation) =>
    [
        .. (await store.Rows.ListAsync(account.ToString(), cancellation)).Items.Where(row => row.Spec.Model == model).Select(row => row.ToResource()).Select(shown =>
            new DeployedModelRefResource { Name = shown.Name, Deployment = shown.Deployment, State = shown.State, Default = shown.Default, Public = shown.Public }),
    ];
}

/// <summary>Keeps a deployment taking addons while it has some.</summary>
internal sealed class AddonUse(DeployedModelStore store) : IAddonUse
{
    private const int MostNames = 5;

    public async Task<IReadOnlyList<string>> FindAddonsAsync(DeploymentName deployment, CancellationToken cancellation) =>
    [
        .. (await store.Rows.ListAsync(deployment.Parent.ToString(), cancellation)).Items
            .Where(row => row.Spec.Deployment == deployment).Select(row => row.Name.ToString()).Take(MostNames),
    ];
}
