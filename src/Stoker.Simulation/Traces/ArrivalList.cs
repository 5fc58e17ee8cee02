using Stoker.Api.Problems;

namespace Stoker.Simulation.Traces;

/// <summary>Gathers the requests of a file, and holds them to the rules that all formats share.</summary>
internal sealed class ArrivalList(TraceLines lines)
{
    /// <summary>Some 300 MB of them; a longer trace is cut by whoever makes it.</summary>
    private const int Most = 10_000_000;

    /// <summary>Longer than any trace, short enough that sums of times do not overflow.</summary>
    private static readonly TimeSpan Longest = TimeSpan.FromDays(3660);

    private readonly List<Arrival> _arrivals = [];

    public Problem? Add(Arrival arrival)
    {
        if (_arrivals.Count > 0 && arrival.At < _arrivals[^1].At) return lines.Wrong("its time is before that of the line above; lines must be in order of time");
        if (arrival.At < TimeSpan.Zero || arrival.At > Longest) return lines.Wrong($"its time must be from 0 to {Longest.TotalDays:0} days after the first line's");
        if (arrival.PromptTokens < 1) return lines.Wrong($"a prompt has at least 1 token, was {arrival.PromptTokens}");
        if (arrival.GeneratedTokens < 1) return lines.Wrong($"an answer has at least 1 token, was {arrival.GeneratedTokens}");
        if (_arrivals.Count == Most) return lines.Wrong($"at most {Most} requests are read; cut the trace");
        _arrivals.Add(arrival);
        return null;
    }

    public Result<Trace> ToTrace() =>
        _arrivals.Count > 0 ? new Trace(lines.Name, _arrivals, _arrivals[^1].At) : lines.Wrong("the trace ends here and has no requests");
}
