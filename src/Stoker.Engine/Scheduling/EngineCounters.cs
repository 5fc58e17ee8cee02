using Stoker.Engine.Speculation;

namespace Stoker.Engine.Scheduling;

/// <summary>
/// What the engine has done, for <see cref="EngineStatistics"/>. Written by the loop, the delivery and the door, read by
/// anyone.
/// </summary>
internal sealed class EngineCounters
{
    // Seconds. The bounds of vLLM, so that its dashboards fit, and finer ones below them: a small model on a CPU is
    // faster than those begin.
    private static readonly double[] TokenBounds =
        [.0005, .001, .0025, .005, .01, .025, .05, .075, .1, .15, .2, .3, .4, .5, .75, 1, 2.5, 5, 7.5, 10, 20, 40, 80];

    private static readonly double[] FirstTokenBounds =
        [.001, .005, .01, .02, .04, .06, .08, .1, .25, .5, .75, 1, 2.5, 5, 7.5, 10, 20, 40, 80, 160, 640, 2560];

    private static readonly double[] RequestBounds =
        [.001, .005, .01, .025, .05, .1, .3, .5, .8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60, 120, 240, 480, 960, 1920, 7680];

    private static readonly double[] TokenCountBounds =
        [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000, 200_000];

    private readonly Lock _lock = new();
    private readonly StepCounters _work = new();
    private readonly SpeculationTally _speculation = new();
    private readonly long[] _finished = new long[Enum.GetValues<FinishReason>().Length];
    private readonly Histogram _queueTime = new(RequestBounds);
    private readonly Histogram _timeToFirstToken = new(FirstTokenBounds);
    private readonly Histogram _interTokenLatency = new(TokenBounds);
    private readonly Histogram _timePerOutputToken = new(TokenBounds);
    private readonly Histogram _endToEndLatency = new(RequestBounds);
    private readonly Histogram _prefillTime = new(RequestBounds);
    private readonly Histogram _decodeTime = new(RequestBounds);
    private readonly Histogram _promptTokensOf = new(TokenCountBounds);
    private readonly Histogram _generationTokensOf = new(TokenCountBounds);
    private int _running, _waiting, _kvBlocksUsed;
    private long _steps, _preemptions, _watchdogTrips, _promptTokens, _queriedTokens, _cachedTokens, _generatedTokens, _refused, _drafterFaults, _predictionTokens, _predictionMatched;

    public void Refused() { lock (_lock) _refused++; }

    public void Step(int preempted)
    {
        lock (_lock)
        {
            _steps++;
            _preemptions += preempted;
        }
    }

    public void StepComputed(StepPlan plan, TimeSpan elapsed) { lock (_lock) _work.Record(plan, elapsed); }

    public void State(int running, int waiting, int kvBlocksUsed)
    {
        lock (_lock) (_running, _waiting, _kvBlocksUsed) = (running, waiting, kvBlocksUsed);
    }

    public void WatchdogTripped() { lock (_lock) _watchdogTrips++; }

    /// <param name="cachedTokens">Of the prompt, what the prefix cache had; null while there is none.</param>
    public void RequestStarted(int promptTokens, int? cachedTokens, TimeSpan queued)
    {
        lock (_lock)
        {
            _promptTokens += promptTokens;
            if (cachedTokens is { } cached)
            {
                _queriedTokens += promptTokens;
                _cachedTokens += cached;
            }

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

    public void DraftsVerified(int drafts) { lock (_lock) _speculation.Verified(drafts); }

    /// <param name="position">Among the drafts of its step, from 1 on.</param>
    public void DraftAccepted(int position) { lock (_lock) _speculation.Accepted(position); }

    public void DrafterFailed() { lock (_lock) _drafterFaults++; }

    /// <param name="perToken">The mean after the first token; null when there were fewer than two.</param>
    public void ChoiceEnded(FinishReason reason, TimeSpan? perToken)
    {
        lock (_lock)
        {
            _finished[(int)reason]++;
            if (perToken is { } mean) _timePerOutputToken.Record(mean);
        }
    }

    /// <summary>A request that ran has ended.</summary>
    public void RequestEnded(GenerationUsage usage)
    {
        lock (_lock)
        {
            _endToEndLatency.Record(usage.Duration);
            _promptTokensOf.Record(usage.PromptTokens);
            _generationTokensOf.Record(usage.CompletionTokens);
            _predictionTokens += usage.Speculation?.PredictionTokens ?? 0;
            _predictionMatched += usage.Speculation?.PredictionMatched ?? 0;
            if (usage.TimeToFirstToken is not { } first) return;
            _prefillTime.Record(first - usage.QueueTime);
            _decodeTime.Record(usage.Duration - first);
        }
    }

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
                QueriedPromptTokens = _queriedTokens,
                CachedPromptTokens = _cachedTokens,
                GeneratedTokens = _generatedTokens,
                Refused = _refused,
                Finished = Enum.GetValues<FinishReason>().ToDictionary(reason => reason, reason => _finished[(int)reason]),
                QueueTime = _queueTime.Snapshot(),
                TimeToFirstToken = _timeToFirstToken.Snapshot(),
                InterTokenLatency = _interTokenLatency.Snapshot(),
                TimePerOutputToken = _timePerOutputToken.Snapshot(),
                EndToEndLatency = _endToEndLatency.Snapshot(),
                PrefillTime = _prefillTime.Snapshot(),
                DecodeTime = _decodeTime.Snapshot(),
                RequestPromptTokens = _promptTokensOf.Snapshot(),
                RequestGenerationTokens = _generationTokensOf.Snapshot(),
                StepWork = _work.Snapshot(),
                Speculation = _speculation.Snapshot() with { PredictionTokens = _predictionTokens, PredictionMatched = _predictionMatched },
                DrafterFaults = _drafterFaults,
                HeartbeatAge = heartbeatAge,
                KernelSet = kernelSet,
                Threads = threads,
            };
        }
    }
}
