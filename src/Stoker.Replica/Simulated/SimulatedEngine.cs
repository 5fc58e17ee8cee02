using System.Text;
using System.Text.Json;
using Stoker.Engine;
using Stoker.Replica.Answers;
using Stoker.Replica.Engines;

namespace Stoker.Replica.Simulated;

/// <summary>
/// The replica model behind an engine's face: a timer lets it do what is due, and its tokens become text.
/// </summary>
internal sealed class SimulatedEngine : IReplicaEngine
{
    private readonly Lock _lock = new();
    private readonly ReplicaModelOptions _options;
    private readonly TimeProvider _time;
    private readonly long _begun;
    private readonly ReplicaModel _model;
    private readonly Action _crash;
    private readonly ITimer _timer;
    private readonly Dictionary<int, Running> _running = [];
    private readonly SimulatedCounters _counters = new();
    private TimeSpan? _hungAt;
    private bool _closed;

    public SimulatedEngine(ReplicaModelOptions options, TimeProvider time, Action crash)
    {
        (_options, _time, _crash, _model) = (options, time, crash, new(options));
        _begun = time.GetTimestamp();
        _timer = time.CreateTimer(_ => Advance(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    public int ContextLength => _options.ContextLength;

    public int MaxSequences => _options.Slots;

    public long? CacheTokens => _options.PrefixCacheTokens;

    public int VocabularySize => SimulatedText.VocabularySize;

    public bool SupportsChat => true;

    public SamplingOptions DefaultSampling => SamplingOptions.ApiDefaults;

    public AddonNames? Addons { get; init; }

    public EngineStatistics Statistics
    {
        get
        {
            lock (_lock)
            {
                return _counters.Snapshot(_model, _options, _hungAt is { } since ? Now - since : TimeSpan.Zero);
            }
        }
    }

    private TimeSpan Now => _time.GetElapsedTime(_begun);

    public int[] EncodeText(string text) => SimulatedText.Encode(text);

    public int[] EncodeContinuation(string text, ReadOnlySpan<int> prompt) => SimulatedText.EncodeAnswer(text);

    public int[] EncodeChat(JsonElement messages, bool safeTokenization)
    {
        var text = new StringBuilder();
        foreach (var message in messages.EnumerateArray())
        {
            text.Append(message.GetProperty("role").GetString()).Append(": ").Append(message.GetProperty("content").GetString()).Append('\n');
        }

        return SimulatedText.Encode(text.Append("assistant:").ToString());
    }

    public string Decode(ReadOnlySpan<int> tokens) => SimulatedText.Decode(tokens);

    /// <summary>As the real engine: the first client is not to wait for code to be compiled.</summary>
    public Task ProveAsync(CancellationToken cancellation) => FirstAnswer.StreamAsync(this, _time, cancellation);

    public IReplicaGeneration Submit(GenerationRequest request)
    {
        if (request.IsProbe) return Probe(request);
        var tokens = TokensToGenerate(request);
        lock (_lock)
        {
            if (_closed) throw Refused(RefusalKind.Closed, null, "The replica is closing.");
            var free = Math.Max(0, _options.Slots - _model.Running);
            if (_model.Waiting + request.Choices > _options.MostWaiting + free)
            {
                _counters.Refused++;
                throw Refused(RefusalKind.QueueFull, null, $"{_model.Waiting} sequences wait already; at most {_options.MostWaiting} may.");
            }

            return Start_NeedsLock(request, tokens);
        }
    }

    public void Cancel(SimulatedGeneration generation)
    {
        lock (_lock)
        {
            if (generation.Ended) return;
            Cancel_NeedsLock(generation, null);
            Arm_NeedsLock();
        }
    }

    public ValueTask DisposeAsync()
    {
        lock (_lock)
        {
            _closed = true;
            Cancel_NeedsLock(null, null);
        }

        return _timer.DisposeAsync();
    }

    private int TokensToGenerate(GenerationRequest request)
    {
        var room = _options.ContextLength - request.PromptTokens.Count;
        if (room < 1)
        {
            throw Refused(RefusalKind.TooLong, "prompt", $"The prompt has {request.PromptTokens.Count} tokens; the context length is {_options.ContextLength}.");
        }

        var most = request.MaxTokens ?? room;
        if (most > room && !request.FitMaxTokens)
        {
            throw Refused(
                RefusalKind.TooLong,
                "max_tokens",
                $"The prompt's {request.PromptTokens.Count} tokens and max_tokens {most} are more than the context length of {_options.ContextLength}.");
        }

        most = Math.Min(most, room);
        CheckPrediction(request.Prediction, most);
        return most;
    }

    private void CheckPrediction(IReadOnlyList<int> prediction, int most)
    {
        if (prediction.Count > most)
        {
            throw Refused(RefusalKind.Invalid, "prediction",
                $"The prediction has {prediction.Count} tokens, but max_tokens and the context length of {_options.ContextLength} allow an answer of {most}. "
                + "Shorten the prediction, or raise max_tokens where the context has room.");
        }

        if (prediction.Any(id => id >= VocabularySize))
        {
            throw Refused(RefusalKind.Invalid, "prediction", $"The prediction has the token id {prediction.First(id => id >= VocabularySize)}; ids of this model are 0 to {VocabularySize - 1}.");
        }
    }

    /// <summary>An answer of one token at once: no client's, so that the model, its faults and the counters know nothing of it.</summary>
    private SimulatedGeneration Probe(GenerationRequest request)
    {
        var now = Now;
        var generation = new SimulatedGeneration(this, request, seed: 0, now, most: 1);
        generation.Add(0, new(now, ReplicaModelStep.Token, Sequence: 0, Index: 0, Last: true, now, Cached: 0), endsItself: false);
        return generation;
    }

    private SimulatedGeneration Start_NeedsLock(GenerationRequest request, int most)
    {
        var now = Now;
        var seed = SimulatedText.Mix((ulong)_options.Seed ^ SimulatedText.Mix((ulong)(request.Sampling.Seed ?? 0)));
        foreach (var id in request.PromptTokens) seed = SimulatedText.Mix(seed ^ (uint)id);
        foreach (var letter in request.Addon ?? "") seed = SimulatedText.Mix(seed ^ letter);
        var generation = new SimulatedGeneration(this, request, seed, now, most);
        generation.Echo(request.PromptTokens);
        _counters.PromptTokens += request.PromptTokens.Count;
        var natural = request.IgnoreEos ? int.MaxValue : Math.Max(_options.AnswerTokens, request.MinTokens + 1);
        for (var choice = 0; choice < request.Choices; choice++)
        {
            var running = new Running(generation, choice, EndsItself: natural <= most);
            var left = Math.Min(natural, most) - request.Answered.Count;
            if (most == 0) End_NeedsLock(running, FinishReason.Length);
            else if (generation.Know(request.Answered, isEnd: left <= 0) is { } end) _counters.End(end, generation, now);
            else _running.Add(_model.Submit(now, [.. request.PromptTokens, .. request.Answered], left, Space(request), generation.ComesWithPrevious(choice)), running);
        }

        Arm_NeedsLock();
        return generation;
    }

    private void Advance()
    {
        var crashed = false;
        SimulatedGeneration[] broken = [];
        lock (_lock)
        {
            while (!crashed && _model.TryAdvance(Now, out var happened)) crashed = Take_NeedsLock(happened);
            if (_model.Hung) _hungAt ??= Now;
            if (crashed) (_closed, broken) = (true, [.. _running.Values.Select(running => running.Generation)]);
            Arm_NeedsLock();
        }

        if (!crashed) return;
        _crash(); // first: whoever sees a broken stream has to find the process gone
        foreach (var generation in broken) generation.Break(new IOException("The simulated engine crashed."));
    }

    /// <returns>True when the process is to go.</returns>
    private bool Take_NeedsLock(ReplicaModelEvent happened)
    {
        if (happened.Step == ReplicaModelStep.Crash) return true;
        var running = _running[happened.Sequence];
        _counters.Token(happened, running.Generation);
        var stopped = running.Generation.Add(running.Choice, happened, running.EndsItself);
        if (stopped)
        {
            _model.Cancel(happened.At, happened.Sequence);
            _counters.Forget(happened.Sequence);
        }

        if (!stopped && !happened.Last)
        {
            if (running.Generation.TooSlow) Cancel_NeedsLock(running.Generation, new IOException("The client read too slowly; its answer was cancelled."));
            return false;
        }

        _running.Remove(happened.Sequence);
        _counters.End(stopped || running.EndsItself ? FinishReason.Stop : FinishReason.Length, running.Generation, happened.At);
        return false;
    }

    private void End_NeedsLock(Running running, FinishReason reason, Exception? error = null)
    {
        running.Generation.End(running.Choice, reason, Now, error);
        _counters.End(reason, running.Generation, Now);
    }

    private void Cancel_NeedsLock(SimulatedGeneration? only, Exception? error)
    {
        foreach (var (id, running) in _running.Where(entry => only is null || entry.Value.Generation == only).ToArray())
        {
            _model.Cancel(Now, id);
            _running.Remove(id);
            _counters.Forget(id);
            End_NeedsLock(running, FinishReason.Cancelled, error);
        }
    }

    private void Arm_NeedsLock()
    {
        if (_closed || _model.NextAt is not { } at) return;
        var due = at - Now;
        _timer.Change(due > TimeSpan.Zero ? due : TimeSpan.Zero, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Prompts are never shared across addons.</summary>
    private static string? Space(GenerationRequest request) => request.Addon is null ? request.CacheSalt : $"{request.CacheSalt} {request.Addon}";

    private static RequestRefusedException Refused(RefusalKind kind, string? parameter, string message) =>
        new(kind, parameter, message);

    private readonly record struct Running(SimulatedGeneration Generation, int Choice, bool EndsItself);
}

/// <summary>Waits for the boot time, then the model is there, or fails as told.</summary>
/// <param name="servedName">Of the base model, which no addon may have.</param>
internal sealed class SimulatedEngineLoader(
    ReplicaModelOptions options, TimeProvider time, Action crash, string servedName = "", IReadOnlyList<(string Name, string Folder)>? addons = null) : IEngineLoader
{
    private const int ProgressSteps = 20;

    public async Task<IReplicaEngine> LoadAsync(Action<double> progress, CancellationToken cancellation)
    {
        var names = options.TakesAddons ? new AddonNames(new SimulatedAddons(), servedName, time) : null;
        for (var step = 0; step < ProgressSteps && options.BootTime > TimeSpan.Zero; step++)
        {
            progress((double)step / ProgressSteps);
            await Task.Delay(options.BootTime / ProgressSteps, time, cancellation);
        }

        if (options.FailLoad) throw new ModelLoadException("simulated", null, "the simulated engine was told to fail its load");
        if (names is not null) await names.LoadAllAsync(addons ?? [], cancellation);
        return new SimulatedEngine(options, time, crash) { Addons = names };
    }
}
