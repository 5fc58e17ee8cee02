using Stoker.Simulation.Traces;

namespace Stoker.Benchmarks.Simulate;

/// <summary>
/// What keeping replicas could reach at most: whoever knows every next request keeps the replica over those gaps that
/// spare most for their length, and over no other, down to the second.
/// </summary>
/// <remarks>
/// Of a mean over clients: a spared request weighs as much as its client's share. The gaps are taken in order of worth
/// until the time is used up, so that the best is at most one gap better. The first wake of a client is not spared: a
/// window begins with a request.
/// </remarks>
internal sealed class ZeroHindsight
{
    private static readonly TimeSpan ColdStart = TimeSpan.FromSeconds(60);

    private readonly List<(double Spared, double Running)> _gaps = [];
    private readonly int _clients;
    private double _running;
    private double _held;

    public ZeroHindsight(IReadOnlyList<Trace> traces)
    {
        _clients = traces.Count;
        foreach (var trace in traces.Where(trace => trace.Arrivals.Count > 0)) Add(trace);
        _gaps.Sort((left, right) => (right.Spared * left.Running).CompareTo(left.Spared * right.Running));
    }

    /// <summary>Held requests, the clients' mean, when no client ever goes back to zero.</summary>
    public double FirstWakes => _held - _gaps.Sum(gap => gap.Spared);

    /// <param name="running">The share of the time that may be used, the clients' mean.</param>
    public double HeldAt(double running)
    {
        var (used, held) = (_running, _held);
        foreach (var (spared, more) in _gaps)
        {
            if (used + more > running) continue;
            used += more;
            held -= spared;
        }

        return held;
    }

    private void Add(Trace trace)
    {
        var arrivals = trace.Arrivals;
        _held += Held(0);
        for (var index = 1; index < arrivals.Count; index++)
        {
            var gap = arrivals[index].At - arrivals[index - 1].At;
            var share = gap / trace.Span / _clients;
            if (gap <= ColdStart)
            {
                _running += share; // it could not even start again
                continue;
            }

            _held += Held(index);
            _gaps.Add((Held(index), share));
        }

        double Held(int first)
        {
            var count = 0;
            for (var index = first; index < arrivals.Count && arrivals[index].At < arrivals[first].At + ColdStart; index++) count++;
            return (double)count / arrivals.Count / _clients;
        }
    }
}
