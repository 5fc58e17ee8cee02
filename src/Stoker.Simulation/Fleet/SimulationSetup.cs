using Stoker.Replica.Simulated;
using Stoker.Simulation.Traces;

namespace Stoker.Simulation.Fleet;

/// <summary>What a run holds fixed while policies change. The defaults are those of the reference figures.</summary>
public sealed record SimulationSetup
{
    public const int MostCapacity = 65_536;

    private static readonly TimeSpan ReferenceTokenTime = TimeSpan.FromMilliseconds(30);

    /// <summary>
    /// 16 requests at once, each served for 0.05 s + prompt / 8,000 + 0.03 s a generated token, whatever runs beside
    /// it; ready 60 s after its start.
    /// </summary>
    public static ReplicaModelOptions ReferenceReplica { get; } = new()
    {
        BootTime = TimeSpan.FromSeconds(60),
        Slots = 16,
        PrefillsAtOnce = 16,
        // The model's first token comes with the prefill; the formula counts a token's time for it too.
        RequestOverhead = TimeSpan.FromSeconds(0.05) + ReferenceTokenTime,
        PrefillTokensPerSecond = 8000,
        DecodeTokensPerSecond = 1 / ReferenceTokenTime.TotalSeconds,
        PrefixCacheTokens = 0,
        PrefixBlockTokens = MooncakeTrace.BlockTokens,
        EveryToken = false,
    };

    public ReplicaModelOptions Replica { get; init; } = ReferenceReplica;

    public RouterSetup Router { get; init; } = new();

    /// <summary>Requests held at once; more are refused, as by a gateway. Null: none is.</summary>
    public int? HoldMost { get; init; }

    /// <summary>Replicas that are ready when the trace begins; null: what its mean load needs.</summary>
    public int? StartReplicas { get; init; }

    /// <summary>Replicas that there is room for.</summary>
    public int Capacity { get; init; } = 4096;

    /// <summary>Between two decisions; whole seconds.</summary>
    public TimeSpan Tick { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>Waits and turns before it are not counted: a trace begins in the middle of a day. Cost is.</summary>
    public TimeSpan WarmUp { get; init; } = TimeSpan.FromSeconds(300);

    /// <summary>Waits above it are counted.</summary>
    public TimeSpan LongWait { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>A change of direction within this time of the change before is a turn.</summary>
    public TimeSpan TurnWithin { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>Requests under way on average if nobody ever waited.</summary>
    public double MeanLoad(Trace trace)
    {
        var seconds = 0.0;
        for (var index = 0; index < trace.Arrivals.Count; index++) seconds += ServiceTime(trace.Arrivals[index]).TotalSeconds;
        return trace.Span > TimeSpan.Zero ? seconds / trace.Span.TotalSeconds : trace.Arrivals.Count;
    }

    private TimeSpan ServiceTime(Arrival arrival) => Replica.RequestOverhead
        + TimeSpan.FromSeconds(arrival.PromptTokens / Replica.PrefillTokensPerSecond)
        + TimeSpan.FromSeconds((arrival.GeneratedTokens - 1) / Replica.DecodeTokensPerSecond);
}
