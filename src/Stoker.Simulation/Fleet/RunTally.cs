using Stoker.Simulation.Traces;

namespace Stoker.Simulation.Fleet;

/// <summary>Counts what a run is judged by.</summary>
internal sealed class RunTally(Trace trace, SimulationSetup setup)
{
    private static readonly TimeSpan NotYet = TimeSpan.MinValue;

    private readonly TimeSpan[] _waits = Filled(trace.Arrivals.Count);
    private readonly TimeSpan[] _firstTokens = Filled(trace.Arrivals.Count);
    private readonly bool[] _cold = new bool[trace.Arrivals.Count];
    private readonly int[] _answers = new int[trace.Arrivals.Count];
    private long _cachedTokens;
    private TimeSpan _billed;
    private TimeSpan _starting;
    private int _started;
    private int _wakes;
    private int _turns;
    private int _peak;
    private int _mostHeld;
    private int _refused;
    private int _lastSign;
    private TimeSpan _lastChange;

    /// <param name="ready">Replicas that are ready; none makes it a cold start for the request.</param>
    public void Arrived(int request, int ready) => _cold[request] = ready == 0;

    /// <param name="startedAt">When it got its place on the replica.</param>
    public void FirstToken(int request, TimeSpan startedAt, TimeSpan now, int cachedTokens)
    {
        _waits[request] = startedAt - trace.Arrivals[request].At;
        _firstTokens[request] = now - trace.Arrivals[request].At;
        _cachedTokens += cachedTokens;
    }

    /// <param name="count">With this one.</param>
    public void Held(int count) => _mostHeld = Math.Max(_mostHeld, count);

    public void Refused() => _refused++;

    public void Answered(int request) => _answers[request]++;

    public void Started() => _started++;

    public void Ready(int count) => _peak = Math.Max(_peak, count);

    public void Decided(TimeSpan now, int before, int after)
    {
        if (before == 0) _wakes++;
        var sign = Math.Sign(after - before);
        if (_lastSign != 0 && sign != _lastSign && now - _lastChange <= setup.TurnWithin && now >= setup.WarmUp) _turns++;
        (_lastSign, _lastChange) = (sign, now);
    }

    /// <summary>
    /// Billed is what the ledger bills: from ready to gone. A replica that was given up while it started cost its start.
    /// </summary>
    public void Ended(FleetReplica replica, TimeSpan now)
    {
        var end = Within(now);
        var ready = replica.ReadyAt is { } at ? Within(at) : end;
        _starting += ready - Within(replica.OrderedAt);
        _billed += end - ready;
    }

    public SimulationResult ToResult()
    {
        var counted = Enumerable.Range(0, trace.Arrivals.Count).Where(request => trace.Arrivals[request].At >= setup.WarmUp && _waits[request] != NotYet).ToArray();
        var waits = Sorted(_waits, counted);
        var firstTokens = Sorted(_firstTokens, counted);
        var prompt = 0L;
        foreach (var arrival in trace.Arrivals) prompt += arrival.PromptTokens;
        return new()
        {
            Arrived = trace.Arrivals.Count,
            AnsweredOnce = _answers.Count(answers => answers == 1),
            Counted = counted.Length,
            LongWaits = waits.Count(wait => wait > setup.LongWait),
            ColdRequests = counted.Count(request => _cold[request]),
            Wait = Quantiles.Of(waits),
            FirstToken = Quantiles.Of(firstTokens),
            ReplicaHours = _billed.TotalHours,
            StartingHours = _starting.TotalHours,
            SpanHours = trace.Span.TotalHours,
            BusyShare = BusyShare(),
            ColdStarts = _started,
            Wakes = _wakes,
            Turns = _turns,
            PeakReplicas = _peak,
            MostHeld = _mostHeld,
            Refused = _refused,
            CachedShare = prompt > 0 ? (double)_cachedTokens / prompt : 0,
        };
    }

    private double BusyShare() => _billed > TimeSpan.Zero ? setup.MeanLoad(trace) * trace.Span / (_billed * setup.Replica.Slots) : 0;

    private TimeSpan Within(TimeSpan time) => time < trace.Span ? time : trace.Span;

    private static TimeSpan[] Sorted(TimeSpan[] all, int[] counted)
    {
        var sorted = Array.ConvertAll(counted, request => all[request]);
        Array.Sort(sorted);
        return sorted;
    }

    private static TimeSpan[] Filled(int count)
    {
        var filled = new TimeSpan[count];
        Array.Fill(filled, NotYet);
        return filled;
    }
}
