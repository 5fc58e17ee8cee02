using Stoker.Api.Names;
using Stoker.Api.Problems;
using Stoker.ControlPlane.Deployments;
using Stoker.ControlPlane.Replicas;
using Stoker.ControlPlane.Runtimes;

namespace Stoker.ControlPlane.Routing;

/// <summary>
/// Keeps what outlives a table: each replica's count of requests, also while the replica is out of the table for a
/// moment with requests still running, and each deployment's queue of held requests.
/// </summary>
internal sealed class RouteTargets(AnswerBoard answers)
{
    private readonly Dictionary<ReplicaId, ReplicaTarget> _replicas = [];
    private readonly Dictionary<DeploymentName, SharedRoute> _shared = [];

    public Route ToRoute(DeploymentRoute deployment, ModelCard card, DeploymentCondition? condition) => new(
        deployment.Name,
        deployment.BaseModel,
        // What the deployments' reconciler starts replicas with.
        ServedName: deployment.BaseModel.ToString(),
        deployment.CreateTime,
        WaitingOf(deployment, condition),
        condition?.Message,
        card,
        [.. deployment.Ready.Select(ToTarget)])
    {
        Hold = deployment.Hold,
        BrokenStreams = deployment.BrokenStreams,
        Shared = SharedOf(deployment.Name),
    };

    /// <summary>Forgets what no deployment names any more and no request uses.</summary>
    public void DropOthers(IReadOnlyDictionary<DeploymentName, DeploymentRoute> deployments)
    {
        var named =
            deployments.Values.SelectMany(deployment => deployment.Ready).Select(replica => replica.Id).ToHashSet();
        foreach (var (id, target) in _replicas)
        {
            if (target.InFlight == 0 && !named.Contains(id)) _replicas.Remove(id);
        }

        foreach (var name in _shared.Keys)
        {
            if (!deployments.ContainsKey(name)) _shared.Remove(name);
        }
    }

    private static Waiting WaitingOf(DeploymentRoute deployment, DeploymentCondition? condition) => deployment.State switch
    {
        "FAILED" => Waiting.Failed,
        "DELETING" or "DELETED" => Waiting.Deleting,
        _ when deployment.MaxReplicas == 0 => Waiting.Parked,
        _ => condition?.Code switch
        {
            Code.ResourceExhausted => Waiting.Capacity,
            // Such as a model that is gone: it stays so until somebody acts.
            Code.FailedPrecondition => Waiting.Failed,
            _ => Waiting.Starting,
        },
    };

    private ReplicaTarget ToTarget(ReplicaEndpoint endpoint)
    {
        if (!_replicas.TryGetValue(endpoint.Id, out var target))
        {
            target = new(endpoint.Id.ToString(), endpoint.SocketPath is null ? endpoint.Address : null, endpoint.SocketPath, endpoint.MaxSequences)
            {
                Answers = answers.Of(endpoint.Id),
                Kind = endpoint.Kind,
            };
            _replicas.Add(endpoint.Id, target);
        }

        return target;
    }

    private SharedRoute SharedOf(DeploymentName name)
    {
        if (!_shared.TryGetValue(name, out var shared)) _shared.Add(name, shared = new());
        return shared;
    }
}
