using Microsoft.Extensions.Logging;
using Stoker.Api.Names;
using Stoker.ControlPlane.Replicas;
using Stoker.ControlPlane.Runtimes;
using Stoker.ControlPlane.Storage;

namespace Stoker.ControlPlane.Metering;

/// <summary>
/// Writes down from when to when replicas lived: READY before requests can reach them, proofs of life at every beat, the
/// end when it is seen. It may be killed at any line; its successor goes on from what is written and what really runs.
/// </summary>
/// <remarks>
/// While the store fails, replicas serve on and what is to be written waits in memory. It is bounded: without a store no
/// replica is started, so each one that runs can end, and little more.
/// </remarks>
public sealed partial class ReplicaLedger : IDisposable
{
    private readonly ILedgerStore _store;
    private readonly TimeProvider _time;
    private readonly ILogger<ReplicaLedger> _logger;
    private readonly string? _bootId;

    // The reconciler and the beat take turns; whoever has it sees replicas that are at least as new as the intervals.
    private readonly SemaphoreSlim _turn = new(1, 1);
    private readonly Dictionary<DeploymentName, Dictionary<ReplicaId, OpenInterval>> _open = [];
    private readonly List<LedgerEvent> _unwritten = [];
    private Writer? _writer;

    public ReplicaLedger(ILedgerStore store, TimeProvider time, ILogger<ReplicaLedger> logger)
        : this(store, time, logger, bootId: null)
    {
    }

    internal ReplicaLedger(ILedgerStore store, TimeProvider time, ILogger<ReplicaLedger> logger, string? bootId) =>
        (_store, _time, _logger, _bootId) = (store, time, logger, bootId);

    public void Dispose() => _turn.Dispose();

    /// <summary>
    /// Makes this process the one that writes, and ends the intervals of replicas that are not there any more. To be
    /// called once the runtime has found what runs.
    /// </summary>
    /// <exception cref="StorageException">Nothing was taken over; try again.</exception>
    public async Task TakeOverAsync(Func<IReadOnlyList<ObservedReplica>> list, CancellationToken cancellation)
    {
        await _turn.WaitAsync(cancellation);
        try
        {
            _writer = null;
            _open.Clear();
            _unwritten.Clear();
            var writer = Writer.New(_time, _bootId);
            foreach (var open in await _store.TakeOverAsync(writer.Run, cancellation))
            {
                Set(open.Last.What.Deployment, open.Last.Replica, new(open));
            }

            _writer = writer;
            LookAtAll(writer, list());
            await WriteAsync(writer, withProofs: false);
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>
    /// A look at one deployment. When it returns, every replica that is recorded READY is in the ledger, unless the store
    /// fails; so requests are let through to it after, and what ended is forgotten after.
    /// </summary>
    /// <param name="createTime">Of the deployment.</param>
    /// <param name="recorded">Its replicas as its status has them from now on.</param>
    /// <param name="observed">All that the runtime has of it.</param>
    /// <param name="reserved">Replicas that run on their account's reserved capacity now.</param>
    public async Task ObserveAsync(
        DeploymentName deployment, DateTimeOffset createTime, IReadOnlyList<Replica> recorded, IReadOnlyList<ObservedReplica> observed,
        IReadOnlySet<ReplicaId> reserved, CancellationToken cancellation)
    {
        await _turn.WaitAsync(cancellation);
        try
        {
            if (_writer is not { } writer) return; // another server writes
            var now = writer.Clock.Read();
            foreach (var seen in observed)
            {
                var record = recorded.FirstOrDefault(replica => replica.Id == seen.Id);
                var what = new MeteredReplica(
                    deployment, createTime, seen.Spec.AcceleratorType, seen.Spec.Slots.Count, seen.Spec.Region, reserved.Contains(seen.Id));
                var serves = seen.Phase == ReplicaPhase.Ready && record is { State: ReplicaState.Ready };
                Look(writer, deployment, Sighting(writer, seen, what, now) with { Serves = serves }, now);
            }

            LookForGone(writer, deployment, observed, now);
            await WriteAsync(writer, withProofs: false);
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>Writes the newest proof of life of every replica that is paid for.</summary>
    public async Task BeatAsync(Func<IReadOnlyList<ObservedReplica>> list, CancellationToken cancellation)
    {
        await _turn.WaitAsync(cancellation);
        try
        {
            if (_writer is not { } writer) return;
            LookAtAll(writer, list());
            await WriteAsync(writer, withProofs: true);
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>Beats until it is cancelled.</summary>
    public async Task KeepAsync(Func<IReadOnlyList<ObservedReplica>> list, CancellationToken cancellation)
    {
        while (true)
        {
            await Task.Delay(LedgerRule.Beat, _time, cancellation);
            await BeatAsync(list, cancellation);
        }
    }

    /// <summary>Beats while something else goes on, such as the last drains, and once more when it is over.</summary>
    public async Task KeepUntilAsync(Task end, Func<IReadOnlyList<ObservedReplica>> list)
    {
        for (var isOver = false; !isOver;)
        {
            using var waiting = new CancellationTokenSource();
            await Task.WhenAny(end, Task.Delay(LedgerRule.Beat, _time, waiting.Token));
            await waiting.CancelAsync(); // takes the timer down
            isOver = end.IsCompleted; // before the look, so that the last one sees how it ended
            await BeatAsync(list, CancellationToken.None);
        }

        await end;
    }

    private void LookAtAll(Writer writer, IReadOnlyList<ObservedReplica> observed)
    {
        var (now, byId) = (writer.Clock.Read(), observed.ToDictionary(replica => replica.Id));
        foreach (var (deployment, intervals) in _open.ToList())
        {
            foreach (var (id, open) in intervals.ToList())
            {
                var what = open.Last.What;
                Look(writer, deployment, byId.TryGetValue(id, out var seen) ? Sighting(writer, seen, what, now) : Gone(id, what), now);
            }
        }
    }

    private void LookForGone(Writer writer, DeploymentName deployment, IReadOnlyList<ObservedReplica> observed, BootStamp now)
    {
        if (!_open.TryGetValue(deployment, out var intervals)) return;
        foreach (var (id, open) in intervals.Where(pair => observed.All(replica => replica.Id != pair.Key)).ToList())
        {
            Look(writer, deployment, Gone(id, open.Last.What), now);
        }
    }

    private void Look(Writer writer, DeploymentName deployment, ReplicaSighting seen, BootStamp now)
    {
        var before = _open.GetValueOrDefault(deployment)?.GetValueOrDefault(seen.Id);
        if (before is null && !seen.Serves) return; // the common case of a look at what boots
        // A replica is its first owner's to the end, also when a later deployment has the same name.
        var known = before is null || seen.What == before.Last.What ? seen : seen with { What = before.Last.What with { Reserved = seen.What.Reserved } };
        var after = OpenInterval.After(before, known, writer.Run, now, _unwritten);
        Set(deployment, seen.Id, after);
    }

    private static ReplicaSighting Sighting(Writer writer, ObservedReplica seen, MeteredReplica what, BootStamp now) => new(
        seen.Id, what, Serves: false, seen.LastAlive is { } alive ? writer.Clock.At(alive, now) : null, seen.Phase == ReplicaPhase.Ended);

    private static ReplicaSighting Gone(ReplicaId id, MeteredReplica what) => new(id, what, Serves: false, Alive: null, IsGone: true);

    private void Set(DeploymentName deployment, ReplicaId id, OpenInterval? open)
    {
        if (!_open.TryGetValue(deployment, out var intervals))
        {
            if (open is null) return;
            _open[deployment] = intervals = [];
        }

        if (open is not null) intervals[id] = open;
        else if (intervals.Remove(id) && intervals.Count == 0) _open.Remove(deployment);
    }

    /// <summary>From here on nothing is cancelled: what is decided is to be written.</summary>
    private async Task WriteAsync(Writer writer, bool withProofs)
    {
        var due = withProofs ? _open.Values.SelectMany(intervals => intervals.Values).Where(open => open.Proof != open.Written).ToList() : [];
        var proofs = due.ConvertAll(open => open.ToWrite);
        if (_unwritten.Count == 0 && proofs.Count == 0) return;
        try
        {
            if (!await _store.WriteAsync(writer.Run, new([.. _unwritten], proofs), CancellationToken.None))
            {
                LogLost();
                _writer = null;
                return;
            }
        }
        catch (StorageException error) when (error.Fault != StorageFault.Unusable)
        {
            LogUnwritten(_unwritten.Count, proofs.Count, error);
            return;
        }

        _unwritten.Clear();
        for (var i = 0; i < due.Count; i++)
        {
            Set(due[i].Last.What.Deployment, due[i].Last.Replica, due[i].WithWritten(proofs[i]));
        }
    }

    [LoggerMessage(LogLevel.Warning, "The store takes no entries of the ledger: {Events} events and {Proofs} proofs of life wait, and are tried again")]
    private partial void LogUnwritten(int events, int proofs, Exception error);

    [LoggerMessage(LogLevel.Warning, "Another server writes the ledger now: this one stopped")]
    private partial void LogLost();

    /// <summary>This process as the ledger's writer.</summary>
    private sealed record Writer(string Run, BootClock Clock)
    {
        public static Writer New(TimeProvider time, string? bootId)
        {
            var (run, clock) = (Guid.NewGuid().ToString("N"), new BootClock(time, bootId));
            // Where the system does not tell boots apart, the clocks of two processes cannot be compared.
            return new(run, clock.BootId.Length > 0 ? clock : new(time, run));
        }
    }
}
