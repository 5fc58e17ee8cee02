using Stoker.ControlPlane.Routing;

namespace Stoker.Simulation.Fleet;

public sealed partial class FleetSimulation
{
    private readonly List<FleetReplica> _replicas = [];
    private readonly Dictionary<ReplicaTarget, FleetReplica> _byTarget = [];
    private int _lastNumber;

    /// <summary>Replicas that are wanted and have no place in the inventory yet.</summary>
    private int _waiting;

    private void StartWarm()
    {
        _desired = _setup.StartReplicas ?? _policy.StartCount(_setup.MeanLoad(_trace), _setup.Replica.Slots);
        for (var count = 0; count < _desired && TryStart() is { } replica; count++) BecomeReady(replica);
    }

    /// <summary>Towards the wanted count: what waits or starts is given up first, then what has least to do.</summary>
    private void Resize()
    {
        var live = _waiting + _replicas.Count(IsLive);
        if (_desired > live) _waiting += _desired - live;
        for (; _desired < live; live--) StopOne();
        PlaceWaiting();
    }

    private void PlaceWaiting()
    {
        while (_waiting > 0 && TryStart() is { } replica)
        {
            _waiting--;
            _tally.Started();
            _events.Add(_time.Now + _setup.Replica.BootTime, EventKind.Ready, replica);
        }
    }

    private FleetReplica? TryStart()
    {
        if (_capacity.TryTake() is not { } allotment) return null;
        var replica = new FleetReplica(++_lastNumber, _setup.Replica, allotment, _time.Now);
        _replicas.Add(replica);
        _byTarget.Add(replica.Target, replica);
        return replica;
    }

    private void BecomeReady(FleetReplica replica)
    {
        if (replica.State != FleetReplicaState.Starting) return; // given up meanwhile
        (replica.State, replica.ReadyAt) = (FleetReplicaState.Ready, _time.Now);
        _router.Add(replica);
        _tally.Ready(_router.ReadyCount);
        Release();
    }

    private void StopOne()
    {
        if (_waiting > 0)
        {
            _waiting--;
            return;
        }

        var least = _replicas.Where(IsLive)
            .OrderBy(replica => replica.State)
            .ThenBy(replica => replica.Running.Count)
            .ThenByDescending(replica => replica.Number)
            .First();
        if (least.State == FleetReplicaState.Ready)
        {
            _router.Remove(least);
        }

        least.State = least.State == FleetReplicaState.Ready ? FleetReplicaState.Draining : FleetReplicaState.Gone;
        if (least.Running.Count == 0) Leave(least);
    }

    private void Leave(FleetReplica replica)
    {
        _tally.Ended(replica, _time.Now);
        replica.State = FleetReplicaState.Gone;
        _replicas.Remove(replica);
        _byTarget.Remove(replica.Target);
        _capacity.Free(replica.Allotment);
    }

    private static bool IsLive(FleetReplica replica) => replica.State is FleetReplicaState.Starting or FleetReplicaState.Ready;
}
