using System.Diagnostics;
using Stoker.Benchmarks.Comparing;

namespace Stoker.Benchmarks.LlamaCpp;

/// <summary>llama.cpp on a GGUF file. Its threads are paused after each turn: they would spin into the other side's.</summary>
internal sealed unsafe class LlamaSide : ISide
{
    private readonly LlamaLibrary _library;
    private readonly Workload _work;
    private readonly Dictionary<(int Sequences, int Tokens), nint> _contexts = [];
    private readonly int _threads, _vocabulary;
    private readonly void* _model, _pool;
    private LlamaBatch _batch;

    public LlamaSide(PeerPackage package, string file, int threads, int maxPrefill)
    {
        (_library, _threads) = (new(package), threads);
        _pool = _library.NewPool(threads);
        Description = $"llama.cpp {package.Release} of node-llama-cpp {package.Version}, {threads} pinned threads, "
            + $"{Path.GetFileName(_library.Backend)}; {_library.SystemInfo.Trim(' ', '|')}";
        _batch = _library.NewBatch(Math.Max(maxPrefill, 32 * Workload.DecodePrompt));
        var start = Stopwatch.GetTimestamp();
        _model = _library.LoadModel(file);
        _vocabulary = _library.VocabularySize(_model);
        _work = new(_vocabulary);
        InTurn(Context(1, maxPrefill), context =>
        {
            Prompt(context, 1, Workload.FirstPrompt);
            LoadToFirstToken = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        });
    }

    private delegate void Turn(void* context);

    public string Description { get; }

    public double LoadToFirstToken { get; private set; }

    public double Prefill(int tokens)
    {
        var rate = 0.0;
        InTurn(Context(1, tokens), context =>
        {
            Prompt(context, 1, Workload.DecodePrompt); // wakes the threads
            _library.ClearMemory(context);
            _batch.Count = 0;
            for (var position = 0; position < tokens; position++) Add(_work.Next(), position, 0, position == tokens - 1);
            var start = Stopwatch.GetTimestamp();
            Step(context);
            Best(context, tokens - 1);
            rate = tokens / Stopwatch.GetElapsedTime(start).TotalSeconds;
        });
        return rate;
    }

    public double Decode(int sequences, int steps)
    {
        var rate = 0.0;
        InTurn(Context(sequences, 0), context =>
        {
            Prompt(context, sequences, Workload.DecodePrompt);
            var tokens = _work.Tokens(sequences);
            One(context, tokens, Workload.DecodePrompt);
            var start = Stopwatch.GetTimestamp();
            for (var step = 1; step <= steps; step++) One(context, tokens, Workload.DecodePrompt + step);
            rate = sequences * steps / Stopwatch.GetElapsedTime(start).TotalSeconds;
        });
        return rate;
    }

    public double FirstToken(int promptTokens)
    {
        var milliseconds = 0.0;
        InTurn(Context(1, promptTokens), context =>
        {
            Prompt(context, 1, promptTokens); // wakes the threads
            var start = Stopwatch.GetTimestamp();
            Prompt(context, 1, promptTokens);
            milliseconds = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        });
        return milliseconds;
    }

    public float[] CheckLogits()
    {
        float[] logits = [];
        InTurn(Context(1, _work.Check.Length), context =>
        {
            _library.ClearMemory(context);
            _batch.Count = 0;
            foreach (var token in _work.Check) Add(token, _batch.Count, 0, _batch.Count == _work.Check.Length - 1);
            Step(context);
            logits = new ReadOnlySpan<float>(_library.LogitsOf(context, _batch.Count - 1), _vocabulary).ToArray();
        });
        return logits;
    }

    public void Dispose()
    {
        foreach (var context in _contexts.Values) _library.FreeContext((void*)context);
        _library.FreeModel(_model);
    }

    /// <summary>Contexts are kept from turn to turn: their buffers are touched and no part of the timing.</summary>
    private void* Context(int sequences, int tokens)
    {
        if (_contexts.TryGetValue((sequences, tokens), out var known)) return (void*)known;
        var parameters = _library.ContextDefaults;
        var batch = (uint)Math.Max(tokens, sequences * Workload.DecodePrompt);
        parameters.ContextLength = Math.Max(batch + 64, (uint)(sequences * Workload.DecodeContext));
        (parameters.BatchSize, parameters.MicroBatchSize, parameters.MaxSequences) = (batch, batch, (uint)sequences);
        (parameters.Threads, parameters.BatchThreads) = (_threads, _threads);
        var context = _library.NewContext(_model, parameters);
        _library.Attach(context, _pool);
        _contexts[(sequences, tokens)] = (nint)context;
        return context;
    }

    private void InTurn(void* context, Turn turn)
    {
        turn(context);
        _library.PausePool(_pool);
    }

    private void Prompt(void* context, int sequences, int length)
    {
        _library.ClearMemory(context);
        _batch.Count = 0;
        for (var sequence = 0; sequence < sequences; sequence++)
        {
            for (var position = 0; position < length; position++) Add(_work.Next(), position, sequence, position == length - 1);
        }
        Step(context);
        Best(context, _batch.Count - 1);
    }

    /// <summary>One token of every sequence, and the next ones.</summary>
    private void One(void* context, int[] tokens, int position)
    {
        _batch.Count = 0;
        for (var sequence = 0; sequence < tokens.Length; sequence++) Add(tokens[sequence], position, sequence, true);
        Step(context);
        for (var sequence = 0; sequence < tokens.Length; sequence++) tokens[sequence] = Best(context, sequence);
    }

    private void Add(int token, int position, int sequence, bool logits)
    {
        var row = _batch.Count++;
        (_batch.Tokens[row], _batch.Positions[row], _batch.SequenceCounts[row]) = (token, position, 1);
        (_batch.Sequences[row][0], _batch.WantLogits[row]) = (sequence, (sbyte)(logits ? 1 : 0));
    }

    private void Step(void* context)
    {
        var code = _library.Decode(context, _batch);
        if (code != 0) throw new InvalidOperationException($"llama_decode ended with {code}.");
    }

    private int Best(void* context, int row) => Workload.ArgMax(new(_library.LogitsOf(context, row), _vocabulary));
}
