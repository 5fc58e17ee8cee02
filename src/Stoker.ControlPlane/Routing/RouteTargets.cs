using Stoker.Api.Names;
using Stoker.Api.Problems;
using Stoker.ControlPlane.Addons;
using Stoker.ControlPlane.Replicas;
using Stoker.ControlPlane.Runtimes;

namespace Stoker.ControlPlane.Routing;

/// <summary>
/// Keeps what outlives a table: each replica's count of requests, also while the replica is out of the table for a
/// moment with requests still running, and each deployment's queue of held requests.
/// </summary>
internal sealed class RouteTargets(AnswerBoard answers, TimeProvider? time = null)
{
    private readonly Dictionary<ReplicaId, ReplicaTarget> _replicas = [];
    private readonly Dictionary<DeploymentName, SharedRoute> _shared = [];
    private readonly Dictionary<DeploymentName, Made> _made = [];

    // Replicas that left the table; with requests still running they may come back as they were.
    private readonly HashSet<ReplicaId> _left = [];

    /// <summary>The route of the table before when nothing of it changed.</summary>
    public Route ToRoute(DeploymentRoute deployment, ModelCard card, DeploymentAddons? addons = null)
    {
        var own = addons ?? DeploymentAddons.None;
        if (_made.TryGetValue(deployment.Name, out var made) && ReferenceEquals(made.Of, deployment) && made.Card == card && ReferenceEquals(made.Route.Addons, own))
        {
            return made.Route;
        }

        var route = Make(deployment, card) with { Addons = own };
        if (made is not null) _left.UnionWith(made.Of.Ready.Select(replica => replica.Id));
        _left.ExceptWith(deployment.Ready.Select(replica => replica.Id));
        _made[deployment.Name] = new(deployment, card, route);
        return route;
    }

    private Route Make(DeploymentRoute deployment, ModelCard card) => new(
        deployment.Name,
        deployment.BaseModel,
        // What the deployments' reconciler starts replicas with.
        ServedName: deployment.BaseModel.ToString(),
        deployment.CreateTime,
        WaitingOf(deployment),
        deployment.Cause?.Message,
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
        if (_made.Count > deployments.Count)
        {
            foreach (var (name, made) in _made.Where(pair => !deployments.ContainsKey(pair.Key)).ToList())
            {
                _left.UnionWith(made.Of.Ready.Select(replica => replica.Id));
                _made.Remove(name);
                _shared.Remove(name);
            }
        }

        foreach (var id in _left)
        {
            if (_replicas.TryGetValue(id, out var target) && target.InFlight > 0) continue;
            _replicas.Remove(id);
            _left.Remove(id);
        }
    }

    private static Waiting WaitingOf(DeploymentRoute deployment) => deployment.State switch
    {
        "FAILED" => Waiting.Failed,
        "DELETING" or "DELETED" => Waiting.Deleting,
        _ when deployment.MaxReplicas == 0 => Waiting.Parked,
        _ => deployment.Cause?.Code switch
        {
            Code.ResourceExhausted => Waiting.Capacity,
            // A model that is gone, or that cannot be served as asked: no try is made until somebody acts. One that failed to
            // start and is tried again is UNAVAILABLE, and waited for.
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
                CacheTokens = endpoint.CacheTokens ?? PrefixIndex.UsualTokens,
            };
            _replicas.Add(endpoint.Id, target);
        }

        return target;
    }

    private SharedRoute SharedOf(DeploymentName name)
    {
        if (!_shared.TryGetValue(name, out var shared)) _shared.Add(name, shared = new(time ?? TimeProvider.System));
        return shared;
    }

    /// <summary>A route with what it was made of.</summary>
    private sealed record Made(DeploymentRoute Of, ModelCard Card, Route Route);
}
