using Stoker.ControlPlane.Autoscaling;
using Stoker.ControlPlane.Routing;
using Stoker.Replica.Simulated;
using Stoker.Simulation.Policies;
using Stoker.Simulation.Traces;

namespace Stoker.Simulation.Fleet;

/// <summary>
/// One trace through one deployment under one policy: the gateway's counters and choice of a replica, the platform's
/// placement, and the model of a replica's times, on a virtual clock.
/// </summary>
/// <remarks>
/// A request that finds no free place is held at the gateway and released in order of arrival. After the trace's end the
/// run goes on, free of charge, until every request is answered.
/// </remarks>
public sealed partial class FleetSimulation
{
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    private readonly Trace _trace;
    private readonly SimulationSetup _setup;
    private readonly IFleetPolicy _policy;
    private readonly VirtualTime _time = new();
    private readonly EventQueue _events;
    private readonly FleetRouter _router;
    private readonly FleetCapacity _capacity;
    private readonly DeploymentLoad _load;
    private readonly Queue<int> _held = new();
    private readonly RunTally _tally;
    private int _next;
    private int _answered;
    private int _desired;
    private long _second;

    private FleetSimulation(Trace trace, SimulationSetup setup, IFleetPolicy policy)
    {
        (_trace, _setup, _policy) = (trace, setup, policy);
        _events = new(_time);
        _router = new(setup.Router, _time);
        _capacity = new(setup.Capacity);
        _load = new(_time);
        _tally = new(trace, setup);
        // From zero at once; while replicas are wanted, the next tick is soon enough, as in the server.
        _load.Woke += () =>
        {
            if (_desired == 0) Decide();
        };
    }

    /// <exception cref="ArgumentException">The setup cannot be run.</exception>
    public static SimulationResult Run(Trace trace, SimulationSetup setup, IFleetPolicy policy)
    {
        if (setup.Tick < Second || setup.Tick.Ticks % Second.Ticks != 0) throw new ArgumentException($"A tick is of whole seconds, was {setup.Tick}", nameof(setup));
        ArgumentOutOfRangeException.ThrowIfLessThan(setup.Capacity, 1);
        return new FleetSimulation(trace, setup, policy).Run();
    }

    private SimulationResult Run()
    {
        StartWarm();
        if (_trace.Arrivals.Count > 0) _events.Add(_trace.Arrivals[0].At, EventKind.Arrival);
        _events.Add(Second, EventKind.Second);
        while (_answered < _trace.Arrivals.Count || _time.Now < _trace.Span)
        {
            var (kind, replica) = _events.Take();
            switch (kind)
            {
                case EventKind.Token:
                    Advance(replica!);
                    break;
                case EventKind.News:
                    Hear();
                    break;
                case EventKind.Ready:
                    BecomeReady(replica!);
                    break;
                case EventKind.Arrival:
                    Arrive();
                    break;
                case EventKind.Second:
                    EndSecond();
                    break;
            }
        }

        foreach (var replica in _replicas) _tally.Ended(replica, _time.Now);
        return _tally.ToResult();
    }

    private void Arrive()
    {
        var request = _next++;
        if (_next < _trace.Arrivals.Count) _events.Add(_trace.Arrivals[_next].At, EventKind.Arrival);
        _tally.Arrived(request, _router.ReadyCount);
        if (_held.Count == 0 && Place(request) is { } place)
        {
            Begin(request, place);
            _load.Began();
        }
        else if (_held.Count >= _setup.HoldMost)
        {
            _tally.Refused();
            _answered++;
        }
        else
        {
            _held.Enqueue(request);
            _tally.Held(_held.Count);
            _load.Held();
        }
    }

    private ReplicaLease? Place(int request)
    {
        var arrival = _trace.Arrivals[request];
        using var prompt = RoutedPrompt.Of(arrival.Blocks ?? [], MooncakeTrace.BlockTokens * FleetRouter.BytesPerToken, (long)arrival.PromptTokens * FleetRouter.BytesPerToken);
        return _router.PickFree(prompt, arrival.Blocks ?? []);
    }

    private void Begin(int request, ReplicaLease place)
    {
        var (replica, arrival) = (_byTarget[place.Replica], _trace.Arrivals[request]);
        replica.OwedTokens += arrival.PromptTokens;
        var sequence =
            replica.Model.Submit(_time.Now, arrival.PromptTokens, arrival.Blocks ?? [], arrival.GeneratedTokens);
        replica.Running.Add(sequence, (request, place));
        AwaitToken(replica);
    }

    /// <summary>
    /// As many of those that wait as there are places, in their order; each goes where the fewest are, so that a new
    /// replica is no herd's.
    /// </summary>
    private void Release()
    {
        while (_held.Count > 0 && Place(_held.Peek()) is { } place)
        {
            Begin(_held.Dequeue(), place);
            _load.HeldBegan();
        }
    }

    private void AwaitToken(FleetReplica replica)
    {
        if (replica.Model.NextAt is not { } at || at == replica.TokenAt) return;
        replica.TokenAt = at;
        _events.Add(at, EventKind.Token, replica);
    }

    private void Advance(FleetReplica replica)
    {
        if (replica.TokenAt != _time.Now) return; // something came earlier and took it along
        replica.TokenAt = null;
        while (replica.Model.TryAdvance(_time.Now, out var happened)) Take(replica, happened);
        AwaitToken(replica);
        Release();
    }

    private void Take(FleetReplica replica, in ReplicaModelEvent happened)
    {
        var (request, place) = replica.Running[happened.Sequence];
        if (happened.Index == 0)
        {
            _tally.FirstToken(request, happened.StartedAt, _time.Now, happened.Cached);
            Tell(new(replica, place, _time.Now, IsEnd: false, _trace.Arrivals[request].PromptTokens));
        }

        if (!happened.Last) return;
        replica.Running.Remove(happened.Sequence);
        Tell(new(replica, place, _time.Now, IsEnd: true, PromptTokens: 0));
        _answered++;
        _tally.Answered(request);
        _load.Ended();
        _load.Tokens(_trace.Arrivals[request].PromptTokens, _trace.Arrivals[request].GeneratedTokens);
        if (replica.State == FleetReplicaState.Draining && replica.Running.Count == 0) Leave(replica);
    }

    private void EndSecond()
    {
        _events.Add(_time.Now + Second, EventKind.Second);
        _policy.Observe(_second++, _load.Take());
        PlaceWaiting();
        if (_second % (long)_setup.Tick.TotalSeconds == 0) Decide();
    }

    private void Decide()
    {
        var (ready, starting) = (_router.ReadyCount, _replicas.Count(replica => replica.State == FleetReplicaState.Starting) + _waiting);
        var wanted = _policy.Decide(new(_time.GetUtcNow(), _desired, ready, starting, _load.Queued, _load.Running, _setup.Replica.Slots));
        if (wanted == _desired) return;
        _tally.Decided(_time.Now, _desired, wanted);
        _desired = wanted;
        Resize();
    }
}
