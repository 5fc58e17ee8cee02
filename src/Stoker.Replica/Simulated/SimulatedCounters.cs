using Stoker.Engine;

namespace Stoker.Replica.Simulated;

/// <summary>
/// What the simulated engine has done, in the terms of <see cref="EngineStatistics"/>. Called under the engine's lock.
/// </summary>
internal sealed class SimulatedCounters
{
    private readonly Dictionary<FinishReason, long> _finished = [];
    private readonly Dictionary<int, TimeSpan> _lastToken = [];
    private readonly HistogramCounter _queue = new(HistogramCounter.Latency);
    private readonly HistogramCounter _first = new(HistogramCounter.FirstToken);
    private readonly HistogramCounter _between = new(HistogramCounter.BetweenTokens);
    private readonly HistogramCounter _perToken = new(HistogramCounter.BetweenTokens);
    private readonly HistogramCounter _whole = new(HistogramCounter.Latency);
    private long _cached;
    private long _steps;
    private SpeculationStatistics _speculation = SpeculationStatistics.None;

    public long PromptTokens { get; set; }

    public long Refused { get; set; }

    public void Token(ReplicaModelEvent happened, SimulatedGeneration generation)
    {
        _steps++;
        if (happened.Index == 0)
        {
            if (generation.FirstTokenAt is null)
            {
                _queue.Add(happened.StartedAt - generation.SubmittedAt);
                _first.Add(happened.At - generation.SubmittedAt);
                _cached += happened.Cached;
            }
        }
        else
        {
            _between.Add(happened.At - _lastToken[happened.Sequence]);
        }

        if (happened.Last) _lastToken.Remove(happened.Sequence);
        else _lastToken[happened.Sequence] = happened.At;
    }

    /// <summary>The sequence will have no more tokens, and none of them was its last.</summary>
    public void Forget(int sequence) => _lastToken.Remove(sequence);

    public void End(FinishReason reason, SimulatedGeneration generation, TimeSpan now)
    {
        _finished[reason] = _finished.GetValueOrDefault(reason) + 1;
        if (!generation.Ended) return;
        _speculation = _speculation.And(generation.Speculation);
        _whole.Add(now - generation.SubmittedAt);
        if (generation.FirstTokenAt is { } first && generation.Longest > 1) _perToken.Add((now - first) / (generation.Longest - 1));
    }

    public EngineStatistics Snapshot(ReplicaModel model, ReplicaModelOptions options, TimeSpan heartbeatAge) => new()
    {
        Running = model.Running,
        Waiting = model.Waiting,
        KvBlocksUsed = model.Running,
        KvBlocksTotal = options.Slots, // a slot is all the memory that the model knows
        Steps = _steps,
        Preemptions = 0,
        WatchdogTrips = 0,
        PromptTokens = PromptTokens,
        QueriedPromptTokens = options.PrefixCacheTokens > 0 ? PromptTokens : 0,
        CachedPromptTokens = _cached,
        GeneratedTokens = model.Generated,
        Refused = Refused,
        Speculation = _speculation,
        Finished = new Dictionary<FinishReason, long>(_finished),
        QueueTime = _queue.Snapshot(),
        TimeToFirstToken = _first.Snapshot(),
        InterTokenLatency = _between.Snapshot(),
        TimePerOutputToken = _perToken.Snapshot(),
        EndToEndLatency = _whole.Snapshot(),
        HeartbeatAge = heartbeatAge,
        KernelSet = "simulated",
        Threads = 1,
    };
}
