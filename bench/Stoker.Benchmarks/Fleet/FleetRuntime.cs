using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Stoker.ControlPlane.Runtimes;

namespace Stoker.Benchmarks.Fleet;

/// <summary>
/// One server's view of simulated replicas. As with processes, what it adopts is only starting until its first look, and
/// each ready replica is looked at every second: a call in place of an HTTP request.
/// </summary>
internal sealed class FleetRuntime(SimulatedReplicas replicas, TimeProvider time) : IReplicaRuntime, IDisposable
{
    private const int Sequences = 16;
    private static readonly TimeSpan StartingPoll = TimeSpan.FromMilliseconds(25);
    private static readonly TimeSpan ReadyPoll = TimeSpan.FromSeconds(1);

    private readonly ConcurrentDictionary<ReplicaId, Watched> _watched = new();
    private readonly ConcurrentDictionary<string, ConcurrentDictionary<ReplicaId, Watched>> _byDeployment = new();
    private readonly ConcurrentDictionary<ReplicaId, Watched> _unsettled = new();
    private readonly Channel<string> _changes = Channel.CreateUnbounded<string>();
    private readonly CancellationTokenSource _letGo = new();
    private readonly SemaphoreSlim _wake = new(0);
    private Task _looking = Task.CompletedTask;

    public Task AdoptAsync(CancellationToken cancellation)
    {
        foreach (var replica in replicas.Running) Watch(replica);
        _looking = Task.Run(LookAsync, CancellationToken.None);
        return Task.CompletedTask;
    }

    public IReadOnlyList<ObservedReplica> List() => [.. _watched.Values.Select(watched => watched.Observed)];

    public IReadOnlyList<ObservedReplica> ListOf(string deployment) =>
        _byDeployment.TryGetValue(deployment, out var own) ? [.. own.Values.Select(watched => watched.Observed)] : [];

    public Task StartAsync(ReplicaSpec spec, CancellationToken cancellation)
    {
        if (!_watched.ContainsKey(spec.Id)) Watch(replicas.Start(spec));
        return Task.CompletedTask;
    }

    public Task StopAsync(ReplicaId id, CancellationToken cancellation)
    {
        replicas.Stop(id);
        if (_watched.TryGetValue(id, out var watched) && watched.Observed.Phase != ReplicaPhase.Ended) Settle(watched);
        return Task.CompletedTask;
    }

    public Task ForgetAsync(ReplicaId id, CancellationToken cancellation)
    {
        if (_watched.TryRemove(id, out var watched)) _byDeployment[watched.Replica.Spec.Deployment].TryRemove(id, out _);
        return Task.CompletedTask;
    }

    public async IAsyncEnumerable<string> ChangesAsync([EnumeratorCancellation] CancellationToken cancellation)
    {
        await foreach (var deployment in _changes.Reader.ReadAllAsync(cancellation)) yield return deployment;
    }

    public async Task ReleaseAsync(bool leaveReplicas, CancellationToken cancellation)
    {
        if (!leaveReplicas)
        {
            foreach (var id in _watched.Keys) replicas.Stop(id);
        }

        await _letGo.CancelAsync();
        await _looking;
    }

    public void Dispose()
    {
        _letGo.Dispose();
        _wake.Dispose();
    }

    private void Watch(SimulatedReplica replica)
    {
        var (id, deployment) = (replica.Spec.Id, replica.Spec.Deployment);
        var watched = new Watched(replica) { Observed = new(replica.Spec, ReplicaPhase.Starting, null, null, TimeSpan.Zero, null) };
        _watched[id] = _unsettled[id] = _byDeployment.GetOrAdd(deployment, _ => new())[id] = watched;
        _changes.Writer.TryWrite(deployment);
        if (_wake.CurrentCount == 0) _wake.Release();
    }

    private async Task LookAsync()
    {
        var lookedAt = time.GetTimestamp();
        try
        {
            while (true)
            {
                foreach (var watched in _unsettled.Values) Settle(watched);
                if (time.GetElapsedTime(lookedAt) >= ReadyPoll)
                {
                    lookedAt = time.GetTimestamp();
                    foreach (var watched in _watched.Values) Settle(watched);
                }

                if (_unsettled.IsEmpty) await _wake.WaitAsync(ReadyPoll, _letGo.Token);
                else await Task.Delay(StartingPoll, time, _letGo.Token);
            }
        }
        catch (OperationCanceledException) when (_letGo.IsCancellationRequested)
        {
        }
    }

    private void Settle(Watched watched)
    {
        lock (watched)
        {
            var (before, phase) = (watched.Observed, replicas.PhaseOf(watched.Replica));
            if (before.Phase == ReplicaPhase.Ended) return;
            var id = before.Id;
            watched.Observed = before with
            {
                Phase = phase,
                Endpoint = phase == ReplicaPhase.Ready ? before.Endpoint ?? new(id, new("http://replica/"), $"/nowhere/{id}", Sequences) : null,
                End = phase == ReplicaPhase.Ended ? new(Orderly: true, "it was told to stop") : null,
                LastAlive = time.GetTimestamp(),
            };
            if (phase is ReplicaPhase.Ready or ReplicaPhase.Ended) _unsettled.TryRemove(id, out _);
            if (phase != before.Phase) _changes.Writer.TryWrite(before.Spec.Deployment);
        }
    }

    private sealed class Watched(SimulatedReplica replica)
    {
        private volatile ObservedReplica _observed = null!;

        public SimulatedReplica Replica => replica;

        public ObservedReplica Observed
        {
            get => _observed;
            set => _observed = value;
        }
    }
}
