using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using Stoker.Api.Names;
using Stoker.ControlPlane.Autoscaling;
using Stoker.ControlPlane.Capacity;
using Stoker.ControlPlane.Metering;
using Stoker.ControlPlane.Models;
using Stoker.ControlPlane.Reconciling;
using Stoker.ControlPlane.Replicas;
using Stoker.ControlPlane.Runtimes;

namespace Stoker.ControlPlane.Deployments;

public static class DeploymentServices
{
    /// <summary>
    /// Deployments with their capacity, their replicas as local processes, and the controller. Needs the storage and
    /// the models.
    /// </summary>
    public static IServiceCollection AddDeployments(this IServiceCollection services)
    {
        services.AddOptions<DeploymentsOptions>().BindConfiguration(DeploymentsOptions.Section).ValidateOnStart();
        services.AddSingleton<IValidateOptions<DeploymentsOptions>, DeploymentsOptionsValidator>();
        services.AddOptions<LocalRuntimeOptions>().BindConfiguration(LocalRuntimeOptions.Section).ValidateOnStart();
        services.AddSingleton<IValidateOptions<LocalRuntimeOptions>, LocalRuntimeOptionsValidator>();
        services.TryAddSingleton(TimeProvider.System);
        services.AddCapacity();
        services.AddAutoscaling();
        services.TryAddSingleton<IReplicaRuntime, LocalReplicaRuntime>();
        services.AddSingleton<ReplicaDirectory>();
        services.AddMetering();
        services.AddSingleton<ControllerLease>();
        services.AddSingleton<DeploymentStore>();
        services.AddSingleton<DeploymentScaling>();
        services.AddSingleton<LastRequests>();
        services.AddSingleton(provider => provider.GetRequiredService<ReplicaDirectory>().Answers);
        services.AddSingleton<RevisionFigures>();
        services.AddSingleton<DeploymentLifecycle>();
        services.AddSingleton<DeploymentCommands>();
        services.AddSingleton<IModelUse, DeploymentModelUse>();
        services.AddSingleton<ICapacityUse, DeploymentCapacityUse>();
        services.AddSingleton<DeploymentReconciler>();
        services.AddHostedService(provider => provider.GetRequiredService<DeploymentReconciler>());
        services.AddLoadSampler();
        return services;
    }
}

/// <summary>
/// Keeps a model's files in place while a deployment serves them: its own, its draft model's, and the base's of an addon. The draft models of
/// the revisions too that it could be rolled back to.
/// </summary>
internal sealed class DeploymentModelUse(DeploymentStore store, ModelStore models) : IModelUse
{
    private const int MostNames = 5;

    public async Task<IReadOnlyList<string>> FindUsersAsync(ModelName model, CancellationToken cancellation)
    {
        var names = new List<string>();
        var bases = new Dictionary<ModelName, ModelName?>();
        var (_, all) = await store.ListAsync(account: null, cancellation);
        foreach (var deployment in all.Select(stored => stored.Deployment).Where(deployment => deployment.Status.State != DeploymentState.Deleted))
        {
            var own = deployment.Spec.BaseModel;
            if (own != model && !DraftsOf(deployment).Contains(model.ToString()) && await BaseAsync(own) != model) continue;
            names.Add(deployment.Name.ToString());
            if (names.Count == MostNames) break;
        }

        return names;

        static IEnumerable<string?> DraftsOf(Deployment deployment) =>
            [deployment.Spec.DraftModel, deployment.Status.LastReady?.Settings.Drafting?.Model, deployment.Status.LastStable?.Settings.Drafting?.Model];

        async ValueTask<ModelName?> BaseAsync(ModelName name)
        {
            if (bases.TryGetValue(name, out var known)) return known;
            return bases[name] = (await models.FindAsync(name, cancellation))?.BaseModel;
        }
    }
}
