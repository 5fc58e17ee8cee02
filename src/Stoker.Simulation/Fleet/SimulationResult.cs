namespace Stoker.Simulation.Fleet;

/// <summary>Times of many requests: mean, the usual percentiles (nearest rank) and the longest.</summary>
public sealed record Quantiles(TimeSpan Mean, TimeSpan P50, TimeSpan P95, TimeSpan P99, TimeSpan Longest)
{
    /// <param name="sorted">Ascending; of none, all is zero.</param>
    public static Quantiles Of(TimeSpan[] sorted)
    {
        if (sorted.Length == 0) return new(default, default, default, default, default);
        var sum = 0.0;
        foreach (var time in sorted) sum += time.TotalSeconds;
        return new(TimeSpan.FromSeconds(sum / sorted.Length), At(0.50), At(0.95), At(0.99), sorted[^1]);

        TimeSpan At(double share) => sorted[Math.Clamp((int)Math.Ceiling(share * sorted.Length) - 1, 0, sorted.Length - 1)];
    }
}

/// <summary>What a trace under a policy came to.</summary>
public sealed record SimulationResult
{
    /// <summary>Requests of the trace.</summary>
    public required int Arrived { get; init; }

    /// <summary>Requests that were answered exactly once: all of them, or the simulator is broken.</summary>
    public required int AnsweredOnce { get; init; }

    /// <summary>Requests after the warm-up, which the waits are of.</summary>
    public required int Counted { get; init; }

    /// <summary>Waits for a place that were longer than the setup allows.</summary>
    public required int LongWaits { get; init; }

    public double LongWaitShare => Counted > 0 ? (double)LongWaits / Counted : 0;

    /// <summary>Requests that came when no replica was ready: held over a cold start.</summary>
    public required int ColdRequests { get; init; }

    public double ColdShare => Counted > 0 ? (double)ColdRequests / Counted : 0;

    /// <summary>From arrival to a place on a replica.</summary>
    public required Quantiles Wait { get; init; }

    /// <summary>From arrival to the first token.</summary>
    public required Quantiles FirstToken { get; init; }

    /// <summary>What is billed: each replica from ready to gone, within the trace.</summary>
    public required double ReplicaHours { get; init; }

    /// <summary>Replicas from their order to ready: held, and by the ledger's rule not billed.</summary>
    public required double StartingHours { get; init; }

    public required double SpanHours { get; init; }

    /// <summary>Replica-hours over those of one replica that always runs.</summary>
    public double AlwaysOnShare => SpanHours > 0 ? ReplicaHours / SpanHours : 0;

    /// <summary>The work of all requests over what the billed replicas could have done.</summary>
    public required double BusyShare { get; init; }

    /// <summary>Replicas started, those that were given up among them.</summary>
    public required int ColdStarts { get; init; }

    /// <summary>Starts from zero.</summary>
    public required int Wakes { get; init; }

    /// <summary>Changes of direction within the time of the setup after the change before.</summary>
    public required int Turns { get; init; }

    public required int PeakReplicas { get; init; }

    /// <summary>Requests held at once, at the most.</summary>
    public int MostHeld { get; init; }

    /// <summary>Requests that came when as many were held as may be; their times are none.</summary>
    public int Refused { get; init; }

    /// <summary>Prompt tokens that prefix caches saved.</summary>
    public required double CachedShare { get; init; }
}
