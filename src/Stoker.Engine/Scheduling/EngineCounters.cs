namespace Stoker.Engine.Scheduling;

/// <summary>What the engine has done, for <see cref="EngineStatistics"/>. Written by the loop and the door, read by anyone.</summary>
internal sealed class EngineCounters
{
    // Seconds. Decades in 1-2.5-5 steps over what a small model on an idle machine and a large one under load show.
    private static readonly double[] TokenBounds =
        [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1, 2.5, 5];

    private static readonly double[] RequestBounds =
        [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600];

    private readonly Lock _lock = new();
    private readonly long[] _finished = new long[Enum.GetValues<FinishReason>().Length];
    private readonly Histogram _queueTime = new(RequestBounds);
    private readonly Histogram _timeToFirstToken = new(RequestBounds);
    private readonly Histogram _interTokenLatency = new(TokenBounds);
    private readonly Histogram _timePerOutputToken = new(TokenBounds);
    private readonly Histogram _endToEndLatency = new(RequestBounds);
    private int _running, _waiting, _kvBlocksUsed;
    private long _steps, _preemptions, _watchdogTrips, _promptTokens, _generatedTokens, _refused;

    public void Refused() { lock (_lock) _refused++; }

    public void Step(int preempted)
    {
        lock (_lock)
        {
            _steps++;
            _preemptions += preempted;
        }
    }

    public void State(int running, int waiting, int kvBlocksUsed)
    {
        lock (_lock) (_running, _waiting, _kvBlocksUsed) = (running, waiting, kvBlocksUsed);
    }

    public void WatchdogTripped() { lock (_lock) _watchdogTrips++; }

    public void RequestStarted(int promptTokens, TimeSpan queued)
    {
        lock (_lock)
        {
            _promptTokens += promptTokens;
            _queueTime.Record(queued);
        }
    }

    public void FirstToken(TimeSpan sinceSubmission) { lock (_lock) _timeToFirstToken.Record(sinceSubmission); }

    /// <param name="sinceLast">Since the choice's token before; null for its first.</param>
    public void Token(TimeSpan? sinceLast)
    {
        lock (_lock)
        {
            _generatedTokens++;
            if (sinceLast is { } gap) _interTokenLatency.Record(gap);
        }
    }

    /// <param name="perToken">The mean after the first token; null when there were fewer than two.</param>
    public void ChoiceEnded(FinishReason reason, TimeSpan? perToken)
    {
        lock (_lock)
        {
            _finished[(int)reason]++;
            if (perToken is { } mean) _timePerOutputToken.Record(mean);
        }
    }

    public void RequestEnded(TimeSpan duration) { lock (_lock) _endToEndLatency.Record(duration); }

    public EngineStatistics Snapshot(int kvBlocksTotal, TimeSpan heartbeatAge, string kernelSet, int threads)
    {
        lock (_lock)
        {
            return new()
            {
                Running = _running,
                Waiting = _waiting,
                KvBlocksUsed = _kvBlocksUsed,
                KvBlocksTotal = kvBlocksTotal,
                Steps = _steps,
                Preemptions = _preemptions,
                WatchdogTrips = _watchdogTrips,
                PromptTokens = _promptTokens,
                CachedPromptTokens = 0, // no prefix cache yet
                GeneratedTokens = _generatedTokens,
                Refused = _refused,
                Finished = Enum.GetValues<FinishReason>().ToDictionary(reason => reason, reason => _finished[(int)reason]),
                QueueTime = _queueTime.Snapshot(),
                TimeToFirstToken = _timeToFirstToken.Snapshot(),
                InterTokenLatency = _interTokenLatency.Snapshot(),
                TimePerOutputToken = _timePerOutputToken.Snapshot(),
                EndToEndLatency = _endToEndLatency.Snapshot(),
                HeartbeatAge = heartbeatAge,
                KernelSet = kernelSet,
                Threads = threads,
            };
        }
    }
}
