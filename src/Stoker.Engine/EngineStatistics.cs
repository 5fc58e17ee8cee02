namespace Stoker.Engine;

/// <summary>What an engine does and has done since it was opened: one snapshot. Counters only grow.</summary>
public sealed record EngineStatistics
{
    /// <summary>Sequences that hold KV blocks; a request with n choices has up to n.</summary>
    public required int Running { get; init; }

    /// <summary>Sequences that wait for their first step, or for another one after a preemption.</summary>
    public required int Waiting { get; init; }

    public required int KvBlocksUsed { get; init; }

    public required int KvBlocksTotal { get; init; }

    /// <summary>0 to 1.</summary>
    public double KvUsage => KvBlocksTotal == 0 ? 0 : (double)KvBlocksUsed / KvBlocksTotal;

    public required long Steps { get; init; }

    public required long Preemptions { get; init; }

    /// <summary>Requests failed because the loop made no progress; anything but 0 is a bug of the engine.</summary>
    public required long WatchdogTrips { get; init; }

    /// <summary>Prompt tokens of the requests that ran, each request once.</summary>
    public required long PromptTokens { get; init; }

    /// <summary>Of those, looked for in the prefix cache; 0 while it is off.</summary>
    public required long QueriedPromptTokens { get; init; }

    /// <summary>Of those, taken from the KV cache of an earlier request.</summary>
    public required long CachedPromptTokens { get; init; }

    public required long GeneratedTokens { get; init; }

    /// <summary>Requests turned away at the door.</summary>
    public required long Refused { get; init; }

    /// <summary>Ended choices by reason.</summary>
    public required IReadOnlyDictionary<FinishReason, long> Finished { get; init; }

    /// <summary>Seconds from submission to the first step.</summary>
    public required HistogramSnapshot QueueTime { get; init; }

    /// <summary>Seconds from submission to a request's first token.</summary>
    public required HistogramSnapshot TimeToFirstToken { get; init; }

    /// <summary>Seconds between two tokens of one choice.</summary>
    public required HistogramSnapshot InterTokenLatency { get; init; }

    /// <summary>Seconds a token after the first, the mean of one choice.</summary>
    public required HistogramSnapshot TimePerOutputToken { get; init; }

    /// <summary>Seconds from submission to a request's end.</summary>
    public required HistogramSnapshot EndToEndLatency { get; init; }

    /// <summary>Prompt tokens of a request that ran.</summary>
    public HistogramSnapshot RequestPromptTokens { get; init; } = HistogramSnapshot.Empty;

    /// <summary>Generated tokens of a request that ran, all choices together.</summary>
    public HistogramSnapshot RequestGenerationTokens { get; init; } = HistogramSnapshot.Empty;

    /// <summary>Seconds from a request's first step to its first token.</summary>
    public HistogramSnapshot PrefillTime { get; init; } = HistogramSnapshot.Empty;

    /// <summary>Seconds from a request's first token to its end.</summary>
    public HistogramSnapshot DecodeTime { get; init; } = HistogramSnapshot.Empty;

    /// <summary>What steps computed and how long they took.</summary>
    public StepStatistics StepWork { get; init; } = new();

    public SpeculationStatistics Speculation { get; init; } = SpeculationStatistics.None;

    /// <summary>Steps in which the drafter failed. After three in a row the engine goes on without it.</summary>
    public long DrafterFaults { get; init; }

    /// <summary>
    /// Time since the step loop last began a step; zero while it has nothing to do. Liveness is its size.
    /// </summary>
    public required TimeSpan HeartbeatAge { get; init; }

    public required string KernelSet { get; init; }

    /// <summary>Format of the projections in memory, such as <c>bf16</c>; <c>none</c> without a model's weights.</summary>
    public string Precision { get; init; } = "none";

    /// <summary>Of keys and values; <c>none</c> without a cache.</summary>
    public string KvPrecision { get; init; } = "none";

    /// <summary>Tokens in a block of the KV cache.</summary>
    public int KvBlockSize { get; init; } = 1;

    public AddonStatistics Addons { get; init; } = new();

    public required int Threads { get; init; }

    /// <summary>Whether each of them is bound to a core of its own.</summary>
    public bool ThreadsPinned { get; init; }
}

/// <summary>
/// A histogram's state: <c>Counts[i]</c> values were at most <c>Bounds[i]</c> and above the bound before; the last
/// count has no bound.
/// </summary>
public sealed record HistogramSnapshot(IReadOnlyList<double> Bounds, IReadOnlyList<long> Counts, double Sum)
{
    public static readonly HistogramSnapshot Empty = new([], [0], 0);

    public long Count => Counts.Sum();
}
