using Stoker.Engine.Kernels;
using Stoker.Engine.KvCache;
using Stoker.Engine.Models;
using Stoker.Engine.Native;
using Stoker.Engine.Scheduling;
using Stoker.Engine.Speculation;
using Stoker.Engine.Templates;
using Stoker.Engine.Tokenization;

namespace Stoker.Engine;

/// <summary>One loaded model and the loop that serves all requests to it together. The library's entry point.</summary>
public sealed partial class InferenceEngine : IAsyncDisposable
{
    private readonly EngineParts _parts;
    private readonly EngineOptions _options;
    private readonly EngineCounters _counters = new();
    private readonly LoopThread _thread;
    private readonly KvStore _kv;
    private readonly DoorFigures _door;
    private readonly int[] _endTokens;
    private readonly Lock _closing = new();
    private Task? _closed; // under the lock
    private int _waiting; // requests before their first step
    private int _lastGroup;

    /// <param name="availableBytes">Of the machine; null asks the system.</param>
    internal InferenceEngine(EngineParts parts, EngineOptions options, long? availableBytes = null)
    {
        EngineOptionRules.Check(options);
        (_parts, _options) = (parts, options);
        ContextLength = options.ContextLength ?? parts.Model.Shape.ContextLength;
        DefaultSampling = EngineOptionRules.Defaults(options, parts.Defaults.Sampling);
        var stepTokens = Math.Max(options.StepTokens, options.LongPrompt?.ChunkTokens ?? 0);
        var limits = new StepLimits(options.MaxSequences, stepTokens, KvStore.BlockSize)
        {
            DecodeShare = options.LongPrompt?.DecodeShare ?? 0,
            PrefixShare = options.LongPrompt?.PrefixShare ?? 0,
            StepMicroseconds = options.StepTime.TotalMicroseconds,
            DraftRows = Drafters.RowsOf(options),
            Samplers = SamplingPhase.ThreadCount(options.MaxSequences, parts.Model.Shape.VocabularySize, parts.Team?.Count ?? 1),
        };
        Memory = MemoryPlan.For(
            options, limits, parts.Model.Shape, ContextLength, parts.WeightBytes, availableBytes ?? MachineMemory.LimitBytes(),
            parts.Addons?.Statistics.PoolBytes ?? 0, Drafters.MemoryOf(parts, limits, KvFormats.Of(options.KvPrecision)));
        var vocabulary = Math.Min(parts.Text.VocabularySize, parts.Model.Shape.VocabularySize);
        _door = new(vocabulary, ContextLength, Memory.KvBlocks, KvStore.BlockSize, DefaultSampling);
        _endTokens = [.. parts.Defaults.EndTokens.Where(id => id < vocabulary)];
        StepLoop? loop = null;
        try
        {
            parts.Addons?.Allocate();
            _kv = new(parts.Model.Shape, Memory.KvBlocks, KvFormats.Of(options.KvPrecision));
            var ownDelivery = DeliveryModes.HasOwnThread(options.Delivery, parts.Threads, parts.Processors);
            loop = new(
                parts.Model, _kv, limits, parts.Text, _counters, options, parts.Team,
                drafter: pool => Drafters.New(parts, options, limits, pool, vocabulary), addons: parts.Addons);
            _thread = new(loop, options.Time, ownDelivery, parts.Team is null ? null : parts.Team.PinCaller);
        }
        catch (Exception error)
        {
            loop?.Dispose();
            _kv?.Dispose();
            if (error is OutOfMemoryException refused) throw Refused(Memory, refused);
            throw;
        }

        if (parts.Addons is not null) parts.Addons.Changed = _thread.Wake;
        _thread.Start();
    }

    /// <exception cref="ModelLoadException">The folder cannot be used.</exception>
    /// <exception cref="ArgumentException">An option is out of range; the message names it.</exception>
    /// <exception cref="InsufficientMemoryException">The system refuses the memory of the plan.</exception>
    public static InferenceEngine Open(string modelFolder, EngineOptions? options = null)
    {
        options ??= new();
        EngineOptionRules.Check(options);
        var parts = EngineParts.Load(modelFolder, options);
        try
        {
            return new(parts, options);
        }
        catch
        {
            parts.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Threads that <see cref="EngineOptions.Threads"/> of 0 stands for: whole cores that affinity mask and control group
    /// leave this process. <see cref="Environment.ProcessorCount"/> counts the rest of a quota as a core.
    /// </summary>
    public static int AllottedThreads => ProcessorAllowance.Read().Threads;

    /// <summary>What the folder's headers say of the model.</summary>
    public ModelDescription Model =>
        _parts.Description ?? throw new InvalidOperationException("This engine has no model folder.");

    public Tokenizer Tokenizer =>
        _parts.Tokenizer ?? throw new InvalidOperationException("This engine has no tokenizer.");

    /// <summary>
    /// What whoever runs the engine should know of its start, one sentence each: a packed model that was not used and why,
    /// weights that could not be locked. Empty when all went as asked.
    /// </summary>
    public IReadOnlyList<string> LoadNotes => Memory.Note is { } note ? [.. _parts.Notes, note] : _parts.Notes;

    /// <summary>Null where the model has none: then it is prompted with plain text.</summary>
    public ChatTemplate? ChatTemplate => _parts.ChatTemplate;

    /// <summary>Deployment over model over API defaults; every value but logit bias and seed is set.</summary>
    public SamplingOptions DefaultSampling { get; }

    /// <summary>Positions a sequence may have, prompt and answer together.</summary>
    public int ContextLength { get; }

    /// <summary>Taken at any time, from any thread; costs a short lock.</summary>
    public EngineStatistics Statistics =>
        _counters.Snapshot(_kv.BlockCount, _thread.HeartbeatAge, _parts.KernelSet, _parts.Threads) with
        {
            Precision = _parts.Precision,
            ThreadsPinned = _parts.Team?.IsPinned ?? false,
            KvPrecision = KvFormats.NameOf(KvFormats.Of(_options.KvPrecision)),
            KvBlockSize = KvStore.BlockSize,
            Addons = _parts.Addons?.Statistics ?? new(),
        };

    internal MemoryPlan Memory { get; }

    /// <summary>
    /// Bytes a second that as many threads as the engine's read from memory together, which bounds decoding one
    /// sequence. Takes some 10 ms of those cores and 64 MiB: not for while requests run. Null when the memory is not
    /// there.
    /// </summary>
    public double? MeasureReadBandwidth() => ReadBandwidth.Measure(_parts.Plan ?? new(_parts.Threads, null));

    internal ModelWork? Work => _parts.Work;

    /// <summary>Takes a request or refuses it, at once; thread-safe.</summary>
    /// <exception cref="RequestRefusedException">With the figures.</exception>
    public Generation Submit(GenerationRequest request)
    {
        try
        {
            return Accept(request, AdmissionRules.Check(request, _door));
        }
        catch (RequestRefusedException)
        {
            if (!request.IsProbe) _counters.Refused();
            throw;
        }
    }

    /// <summary>Takes all or none, and lets them begin in one step as far as they fit in: for measurements.</summary>
    /// <exception cref="RequestRefusedException">Of the first that is refused.</exception>
    internal Generation[] SubmitTogether(IReadOnlyList<GenerationRequest> requests)
    {
        var states = new RequestState[requests.Count];
        try
        {
            for (var index = 0; index < states.Length; index++) states[index] = Enqueue(requests[index], AdmissionRules.Check(requests[index], _door));
            if (!_thread.TryPost(states)) throw Closing();
        }
        catch (RequestRefusedException)
        {
            foreach (var state in states) LetGo(state);
            throw;
        }
        return Array.ConvertAll(states, GenerationOf);
    }

    /// <summary>Cancels all requests, stops the loop and frees weights and cache.</summary>
    public async ValueTask DisposeAsync()
    {
        Task closed;
        lock (_closing) closed = _closed ??= CloseAsync();
        await closed;
    }

    private Generation Accept(GenerationRequest request, AdmittedRequest admitted)
    {
        var state = Enqueue(request, admitted);
        if (_thread.TryPost(state)) return GenerationOf(state);
        LetGo(state);
        throw Closing();
    }

    private RequestState Enqueue(GenerationRequest request, AdmittedRequest admitted)
    {
        var addon = UseAddon(request);
        if (Interlocked.Increment(ref _waiting) > _options.MaxQueuedRequests)
        {
            Interlocked.Decrement(ref _waiting);
            addon?.Release();
            throw new RequestRefusedException(RefusalKind.QueueFull, null,
                $"{_options.MaxQueuedRequests} requests already wait, which is the limit. Send the request again later.");
        }
        return new(
            request,
            admitted,
            group: Interlocked.Increment(ref _lastGroup),
            submittedAt: _options.Time.GetTimestamp(),
            _endTokens,
            _options.MaxUnreadEvents,
            leaveQueue: () => Interlocked.Decrement(ref _waiting),
            addon);
    }

    private Generation GenerationOf(RequestState state) => new(state.Source.Id ?? Guid.NewGuid().ToString("N"), state, _thread.PostCancel);

    private static RequestRefusedException Closing() => new(RefusalKind.Closed, null, "The engine is closing and takes no requests.");

    private static InsufficientMemoryException Refused(MemoryPlan plan, OutOfMemoryException error) => new(
        $"The system refuses the engine's memory: {plan.KvBytes} bytes for the KV cache, {plan.StepBytes} for a step's buffers and {plan.AddonBytes} for the pool of addons, beside {plan.WeightBytes} of weights. "
        + $"State a smaller {nameof(EngineOptions.MemoryBudgetBytes)}, or free memory.", error);

    private async Task CloseAsync()
    {
        await _thread.DisposeAsync();
        _kv.Dispose();
        _parts.Dispose();
    }
}
