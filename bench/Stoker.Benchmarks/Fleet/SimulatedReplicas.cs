using System.Collections.Concurrent;
using Stoker.ControlPlane.Runtimes;

namespace Stoker.Benchmarks.Fleet;

/// <summary>Replicas that exist in this process alone, and outlive the servers that own them, as processes do.</summary>
internal sealed class SimulatedReplicas(TimeSpan boot, TimeProvider time)
{
    private readonly ConcurrentDictionary<ReplicaId, SimulatedReplica> _running = new();

    public ICollection<SimulatedReplica> Running => _running.Values;

    public SimulatedReplica Start(ReplicaSpec spec) => _running.GetOrAdd(spec.Id, _ => new(spec, time.GetTimestamp()));

    public void Stop(ReplicaId id) => _running.TryRemove(id, out _);

    public ReplicaPhase PhaseOf(SimulatedReplica replica) =>
        !_running.ContainsKey(replica.Spec.Id) ? ReplicaPhase.Ended
        : time.GetElapsedTime(replica.StartedAt) < boot ? ReplicaPhase.Loading : ReplicaPhase.Ready;
}

internal sealed record SimulatedReplica(ReplicaSpec Spec, long StartedAt);
