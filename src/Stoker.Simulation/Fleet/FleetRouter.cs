using Stoker.Api.Names;
using Stoker.ControlPlane.Routing;

namespace Stoker.Simulation.Fleet;

/// <summary>The gateway's own choice of a replica, over the replicas of a run; or another one, to compare.</summary>
internal sealed class FleetRouter
{
    /// <summary>Traces tell tokens, the gateway sees bytes.</summary>
    public const int BytesPerToken = PrefixIndex.BytesPerToken;

    private readonly RouterSetup _setup;
    private readonly List<FleetReplica> _ready = [];
    private Route _route;

    public FleetRouter(RouterSetup setup, TimeProvider time)
    {
        _setup = setup;
        _route = new(
            DeploymentName.Parse("accounts/simulated/deployments/trace"),
            ModelName.Parse("accounts/simulated/models/trace"),
            "trace",
            DateTimeOffset.UnixEpoch,
            Waiting.Starting,
            Detail: null,
            new ModelCard(null, null, SupportsChat: false, SupportsTools: false, SupportsImageInput: false),
            Ready: [])
        {
            Shared = new(time),
        };
    }

    public int ReadyCount => _ready.Count;

    public void Add(FleetReplica replica)
    {
        _ready.Add(replica);
        Publish();
    }

    public void Remove(FleetReplica replica)
    {
        _ready.Remove(replica);
        Publish();
    }

    /// <summary>A place where the request runs at once, for a new one and for a held one alike; null while there is none.</summary>
    /// <param name="blocks">Of the trace, for whoever knows what caches hold.</param>
    public ReplicaLease? PickFree(RoutedPrompt prompt, ulong[] blocks)
    {
        if (_setup is { Kind: RouterKind.Gateway, KnowsContents: false }) return _route.PickFree(prompt);
        var chosen = _setup.Kind == RouterKind.Gateway ? Estimated(prompt, blocks) : Plain(prompt, blocks);
        return chosen.Index < 0 ? null : _route.Shared.Take(_ready[chosen.Index].Target, prompt, chosen);
    }

    /// <summary>The gateway's decision over what caches really hold.</summary>
    private RankedReplica Estimated(RoutedPrompt prompt, ulong[] blocks)
    {
        var choice = new ReplicaChoice(prompt.Bytes, hinted: null);
        for (var index = 0; index < _ready.Count; index++)
        {
            if (IsFree(_ready[index])) choice.Consider(index, _ready[index].Target.Number, View(_ready[index], prompt, blocks));
        }

        return choice.Result;
    }

    /// <summary>Those that do not estimate: least first by their own measure, then by requests, then who was picked longest ago.</summary>
    private RankedReplica Plain(RoutedPrompt prompt, ulong[] blocks)
    {
        var (best, bestKey, bestView) = (-1, (long.MaxValue, int.MaxValue, long.MaxValue), default(ReplicaView));
        for (var index = 0; index < _ready.Count; index++)
        {
            if (!IsFree(_ready[index])) continue;
            var view = View(_ready[index], prompt, blocks);
            var measure = _setup.Kind switch
            {
                RouterKind.LeastLoad => _ready[index].OwedTokens,
                RouterKind.BestMatch => -view.CachedBytes,
                _ => 0,
            };
            var key = (measure, view.Running, view.LastPick);
            if (best < 0 || key.CompareTo(bestKey) < 0) (best, bestKey, bestView) = (index, key, view);
        }

        return new(best, bestView, Seconds: 0, ByHint: false);
    }

    private ReplicaView View(FleetReplica replica, RoutedPrompt prompt, ulong[] blocks)
    {
        var (target, shared) = (replica.Target, _route.Shared);
        var cached = _setup.KnowsContents ? (long)replica.Model.CachedOf(blocks) * BytesPerToken : PromptBlocks.BytesOf(target.Prefixes.Match(prompt.Keys));
        return new(target.Prefill.WaitAt(shared.Now), Math.Min(cached, prompt.Bytes), target.InFlight, target.LastPick, target.Prefill.Speed.Among(shared.CommonSpeed));
    }

    private static bool IsFree(FleetReplica replica) => replica.Target.InFlight < replica.Target.MaxSequences;

    private void Publish() => _route = _route with { Ready = [.. _ready.Select(replica => replica.Target)] };
}
