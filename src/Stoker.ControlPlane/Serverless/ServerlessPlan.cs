using Stoker.Api.Names;
using Stoker.Api.Resources;
using Stoker.ControlPlane.Deployments;
using Stoker.ControlPlane.Models;

namespace Stoker.ControlPlane.Serverless;

/// <summary>What the platform does for its serverless tier.</summary>
internal abstract record ServerlessStep
{
    /// <summary>The day of its deprecation has come.</summary>
    public sealed record End(ModelName Model) : ServerlessStep;

    public sealed record Create(DeploymentName Deployment, DeploymentResource Wish) : ServerlessStep;

    /// <summary>The operator set another maximum.</summary>
    public sealed record Resize(DeploymentName Deployment, DeploymentResource Wish) : ServerlessStep;

    public sealed record Delete(DeploymentName Deployment) : ServerlessStep;
}

/// <summary>The steps from what there is to one deployment for each model on the tier: pure.</summary>
/// <param name="IsWaiting">A deployment that has to go first is still there: look again soon.</param>
internal sealed record ServerlessPlan(IReadOnlyList<ServerlessStep> Steps, bool IsWaiting)
{
    /// <summary>What <see cref="ServerlessStep.Resize"/> changes.</summary>
    public const string Resized = "max_replica_count";

    /// <param name="models">Of the library.</param>
    /// <param name="deployments">Of the library's account, all of them the platform's.</param>
    public static ServerlessPlan For(IEnumerable<Model> models, IReadOnlyCollection<Deployment> deployments, int maxReplicas, DateOnly today)
    {
        var (steps, there, isWaiting) = (new List<ServerlessStep>(), deployments.ToDictionary(deployment => deployment.Name), false);
        foreach (var model in models.Where(model => model.SupportsServerless))
        {
            if (model.DeprecationDate <= today)
            {
                steps.Add(new ServerlessStep.End(model.Name));
                continue; // its deployment goes below: requests that run there end there
            }

            var name = SharedDeployment.Of(model.Name);
            if (!there.Remove(name, out var deployment)) steps.Add(new ServerlessStep.Create(name, Wish(model, maxReplicas)));
            else if (deployment.Deletion is not null) isWaiting = true; // it was taken off the tier a moment ago
            else if (deployment.Spec.MaxReplicas != maxReplicas) steps.Add(new ServerlessStep.Resize(name, new() { MaxReplicaCount = maxReplicas }));
        }

        steps.AddRange(there.Values
            .Where(deployment => deployment.Deletion is not { Hard: true })
            .Select(deployment => new ServerlessStep.Delete(deployment.Name)));
        return new(steps, isWaiting);
    }

    private static DeploymentResource Wish(Model model, int maxReplicas) => new()
    {
        BaseModel = model.Name.ToString(),
        DisplayName = "serverless",
        MinReplicaCount = 1, // kept warm
        MaxReplicaCount = maxReplicas,
        EnableAddons = model.SupportsLora ? true : null,
    };
}
