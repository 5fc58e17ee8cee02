namespace Stoker.Simulation.Traces;

/// <summary>One request of a trace: when it came and how long it was, never what it said.</summary>
/// <param name="At">Since the trace's begin.</param>
/// <param name="Blocks">Keys of the prompt's full blocks of <see cref="MooncakeTrace.BlockTokens"/> tokens, where the
/// trace has them: equal leading keys are a shared prefix.</param>
public readonly record struct Arrival(TimeSpan At, int PromptTokens, int GeneratedTokens, ulong[]? Blocks = null);

/// <summary>Requests in order of time.</summary>
/// <param name="Span">What cost is counted over: from the trace's begin to its end, never before its last
/// request.</param>
public sealed record Trace(string Name, IReadOnlyList<Arrival> Arrivals, TimeSpan Span)
{
    public const int MostCopies = 1000;

    /// <summary>The same requests in less time, or in more.</summary>
    /// <param name="factor">2: twice the load.</param>
    public Trace Faster(double factor)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(factor);
        return this with { Arrivals = [.. Arrivals.Select(arrival => arrival with { At = arrival.At / factor })], Span = Span / factor };
    }

    /// <summary>
    /// More traffic of the same shape: each request so many times, each copy later by up to <paramref name="jitter"/>.
    /// </summary>
    /// <param name="seed">Fixes every draw; the same seed gives the same trace on every machine.</param>
    public Trace Copied(int copies, TimeSpan jitter, ulong seed)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(copies, 1);
        if (copies == 1 && jitter == TimeSpan.Zero) return this;
        var (draws, all) = (new Draws(seed), new Arrival[Arrivals.Count * copies]);
        for (var index = 0; index < all.Length; index++)
        {
            var arrival = Arrivals[index / copies];
            all[index] = arrival with { At = arrival.At + jitter * draws.Unit() };
        }

        // Array.Sort is not stable, and equal times must keep their order for runs to be equal.
        var order = new int[all.Length];
        for (var index = 0; index < order.Length; index++) order[index] = index;
        Array.Sort(order, (left, right) => all[left].At.CompareTo(all[right].At) is var time and not 0 ? time : left.CompareTo(right));
        var sorted = Array.ConvertAll(order, index => all[index]);
        return this with { Arrivals = sorted, Span = sorted.Length > 0 && sorted[^1].At > Span ? sorted[^1].At : Span };
    }
}
