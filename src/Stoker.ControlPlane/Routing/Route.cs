using System.Collections.Concurrent;
using Stoker.Api.Names;
using Stoker.ControlPlane.Addons;
using Stoker.ControlPlane.Deployments;
using Stoker.ControlPlane.Replicas;

namespace Stoker.ControlPlane.Routing;

/// <summary>Why a deployment has no replica that answers.</summary>
public enum Waiting
{
    /// <summary>Replicas start, or will: the request can be sent again in a while.</summary>
    Starting,

    /// <summary>Replicas wait for accelerators that others hold.</summary>
    Capacity,

    /// <summary>Starting failed for good: somebody has to look.</summary>
    Failed,

    /// <summary>Its maximum is zero replicas: it never wakes by itself.</summary>
    Parked,

    /// <summary>It is being deleted.</summary>
    Deleting,

    /// <summary>Its replicas gave up on the addon; they serve everything else.</summary>
    AddonFailed,
}

/// <summary>What listings say about the model behind a route.</summary>
public sealed record ModelCard(string? Kind, int? ContextLength, bool SupportsChat, bool SupportsTools, bool SupportsImageInput)
{
    /// <summary>When it leaves the serverless tier; null while no day is set.</summary>
    public Retirement? Retires { get; init; }
}

/// <summary>The end of a model on the serverless tier.</summary>
/// <param name="Date">From its first moment (UTC) on requests are refused.</param>
/// <param name="Alternative">What to use instead; null where nothing was named.</param>
public sealed record Retirement(DateOnly Date, ModelName? Alternative)
{
    public DateTimeOffset At => new(Date, TimeOnly.MinValue, TimeSpan.Zero);
}

/// <summary>One deployment at one moment, with the replicas that take requests.</summary>
/// <param name="ServedName">The model's name as its replicas know it.</param>
/// <param name="Waiting">Why there are no replicas, when there are none.</param>
/// <param name="Detail">The cause in words for the deployment's owner; null when there is nothing to add.</param>
public sealed record Route(
    DeploymentName Name,
    ModelName BaseModel,
    string ServedName,
    DateTimeOffset CreateTime,
    Waiting Waiting,
    string? Detail,
    ModelCard Model,
    IReadOnlyList<ReplicaTarget> Ready)
{
    private readonly Route? _whole;
    private AddonRoutes? _toAddons;

    /// <summary>Whether a request to it is answered now, or will be before long.</summary>
    public bool IsCallable => Ready.Count > 0 || Waiting is Waiting.Starting or Waiting.Capacity;

    /// <summary>It is the platform's and serves every account: the serverless tier.</summary>
    public bool IsShared { get; } = Name.IsShared();

    /// <summary>How much is held while no replica is ready.</summary>
    public HoldLimits Hold { get; init; } = HoldLimits.Default;

    /// <summary>Whether a request would run at once on some replica.</summary>
    internal bool HasFree
    {
        get
        {
            var wish = new RouteWish(Prompt: null, OnlyFree: true);
            for (var index = 0; index < Ready.Count; index++)
            {
                if (wish.Allows(Ready[index], Ready[index].InFlight)) return true;
            }

            return false;
        }
    }

    public BrokenStreams BrokenStreams { get; init; }

    /// <summary>What its replicas have beside the base model.</summary>
    public DeploymentAddons Addons { get; init; } = DeploymentAddons.None;

    /// <summary>The addon that this is the route to; null on the deployment's own.</summary>
    public AddonRoute? Addon { get; private init; }

    /// <summary>The deployment's own.</summary>
    public Route Whole { get => _whole ?? this; private init => _whole = value; }

    /// <summary>The same route by the newest table; null when that does not have it any more, or before the first.</summary>
    public Route? Newest => Queue.Newest?.To(Addon?.Model);

    /// <summary>The route to an addon: the replicas that have it, under the name that they know it by. Made at its first request.</summary>
    /// <param name="addon">Null for the base model.</param>
    /// <returns>Null when the addon is not deployed there.</returns>
    public Route? To(ModelName? addon)
    {
        if (addon is null) return Whole;
        if (_whole is not null) return _whole.To(addon);
        if (!Addons.ByModel.TryGetValue(addon, out var there)) return null;
        if (_toAddons is not { } made || !ReferenceEquals(made.Of, this)) _toAddons = made = new(this); // a clone begins anew; of two at once one is lost, no more
        return made.ByModel.TryGetValue(addon, out var route) ? route : made.ByModel.GetOrAdd(addon, Make(there));
    }

    private Route Make(AddonRoute there)
    {
        ReplicaTarget[] having = [.. Whole.Ready.Where(replica => there.On.Contains(replica.ReplicaId))];
        var failed = having.Length == 0 && there.Failure is not null && Whole.IsCallable;
        return Whole with
        {
            Addon = there,
            Whole = Whole,
            ServedName = there.ServedName,
            Ready = having,
            Waiting = failed ? Waiting.AddonFailed : Whole.Waiting,
            Detail = failed ? there.Failure : Whole.Detail,
        };
    }

    /// <summary>Takes a place for a request of which nothing is known: the fewest requests; null when no replica is ready.</summary>
    /// <param name="except">A replica that just failed this request.</param>
    public ReplicaLease? Pick(ReplicaTarget? except = null) => Pick(prompt: null, except);

    /// <summary>The same, but only a place where the request runs at once; null also while all replicas are full.</summary>
    public ReplicaLease? PickFree(ReplicaTarget? except = null) => PickFree(prompt: null, except);

    /// <summary>Takes a place where its first token should come first.</summary>
    internal ReplicaLease? Pick(RoutedPrompt? prompt, ReplicaTarget? except = null) => Shared.Take(Ready, new(prompt, except));

    internal ReplicaLease? PickFree(RoutedPrompt? prompt, ReplicaTarget? except = null) => Shared.Take(Ready, new(prompt, except, OnlyFree: true));

    /// <summary>The same for a stream that has begun: it waits for no place, since its client is in the middle of it.</summary>
    internal ReplicaLease? Pick(Succession like, RoutedPrompt? prompt = null) => Shared.Take(Ready, new(prompt, Like: like));

    /// <summary>Requests that wait for a replica.</summary>
    internal HoldQueue Queue => Shared.Queue;

    /// <summary>Shared by all tables that name the deployment.</summary>
    internal SharedRoute Shared { get; init; } = new();

    /// <summary>Those that were asked for; at the most one for each addon of the deployment.</summary>
    private sealed class AddonRoutes(Route of)
    {
        public Route Of => of;

        public ConcurrentDictionary<ModelName, Route> ByModel { get; } = [];
    }
}
