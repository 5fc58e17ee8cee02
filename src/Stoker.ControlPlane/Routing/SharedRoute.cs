namespace Stoker.ControlPlane.Routing;

/// <summary>What a request asks of the choice of a replica.</summary>
/// <param name="Prompt">Null: nothing is known of it.</param>
/// <param name="Except">A replica that just failed this request.</param>
/// <param name="OnlyFree">Only replicas that run fewer requests than they can run at once.</param>
/// <param name="Like">Only replicas that fit.</param>
internal readonly record struct RouteWish(RoutedPrompt? Prompt, ReplicaTarget? Except = null, bool OnlyFree = false, Succession? Like = null)
{
    /// <summary>A suspected replica is none.</summary>
    public bool Allows(ReplicaTarget replica, int running) =>
        !replica.IsSuspected
        && !ReferenceEquals(replica, Except)
        && (!OnlyFree || running < replica.MaxSequences)
        && Like?.Fits(replica) != false;
}

/// <summary>What outlives the tables that name a deployment.</summary>
/// <param name="time">What waits are told in.</param>
internal sealed class SharedRoute(TimeProvider time)
{
    private readonly double _secondsPerTick = 1.0 / time.TimestampFrequency;
    private readonly long _began = time.GetTimestamp(); // small numbers keep their digits
    private long _picks;

    public SharedRoute()
        : this(TimeProvider.System)
    {
    }

    public HoldQueue Queue { get; } = new();

    public SessionTable Sessions { get; } = new();

    /// <summary>Of all its replicas.</summary>
    public PrefillSpeed Speed { get; } = new();

    /// <summary>Seconds since it was made, by a clock that only runs on.</summary>
    public double Now => (time.GetTimestamp() - _began) * _secondsPerTick;

    /// <summary>Takes a place on the replica that <see cref="ReplicaChoice"/> chooses; null when the wish allows none.</summary>
    /// <remarks>
    /// No lock: a replica that another request was given to in between has another count than the one that was looked at, and all
    /// is looked at once more. So two requests at once never both take the last idle replica, and one of them always gets on.
    /// </remarks>
    public ReplicaLease? Take(IReadOnlyList<ReplicaTarget> ready, in RouteWish wish)
    {
        while (true)
        {
            var now = Now;
            var chosen = Rank(ready, wish, now);
            if (chosen.Index < 0) return null;
            if (ready[chosen.Index].TryBegin(chosen.View.Running)) return Give(ready[chosen.Index], wish.Prompt, chosen, now);
        }
    }

    /// <summary>The same for a choice that was made elsewhere: simulations compare several.</summary>
    public ReplicaLease? Take(ReplicaTarget replica, RoutedPrompt prompt, in RankedReplica chosen) =>
        replica.TryBegin(chosen.View.Running) ? Give(replica, prompt, chosen, Now) : null;

    /// <summary>The decision alone: nothing is taken, and nothing allocated.</summary>
    public RankedReplica Rank(IReadOnlyList<ReplicaTarget> ready, in RouteWish wish, double now)
    {
        var (prompt, common) = (wish.Prompt, CommonSpeed);
        var keys = prompt is null ? default : prompt.Keys;
        var choice = new ReplicaChoice(prompt?.Bytes ?? 0, prompt is null ? null : Sessions.Find(prompt.Session));
        var blocks = 0;
        for (var index = 0; index < ready.Count; index++)
        {
            var replica = ready[index];
            var running = replica.InFlight; // read once: it changes beside us
            if (!wish.Allows(replica, running)) continue;
            var found = keys.Length == 0 ? 0 : replica.Prefixes.Match(keys, blocks);
            if (found > 0) blocks = found;
            choice.Consider(index, replica.Number, new(replica.Prefill.WaitAt(now), PromptBlocks.BytesOf(found), running, replica.LastPick, replica.Prefill.Speed.Among(common)));
        }

        return choice.Result;
    }

    public double CommonSpeed => Speed.BytesPerSecond is > 0 and var told ? told : PrefillSpeed.Usual;

    private ReplicaLease Give(ReplicaTarget replica, RoutedPrompt? prompt, in RankedReplica chosen, double now)
    {
        replica.LastPick = Interlocked.Increment(ref _picks);
        if (prompt is null) return new(replica, this, chosen, promptBytes: 0, place: null);
        // At once, and not when the replica has computed it: who comes next with the same beginning finds it there when its turn comes.
        replica.Prefixes.Add(prompt.Keys);
        Sessions.Note(prompt.Session, replica.Number);
        var place = replica.Prefill.Send(now, prompt.Bytes - chosen.View.CachedBytes, chosen.View.BytesPerSecond, prompt.TellsFirstToken);
        return new(replica, this, chosen, prompt.Bytes, place);
    }
}
