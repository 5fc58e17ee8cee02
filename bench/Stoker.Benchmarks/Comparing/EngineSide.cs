using System.Diagnostics;
using Stoker.Engine;
using Stoker.Engine.Benchmarking;

namespace Stoker.Benchmarks.Comparing;

/// <summary>Our whole engine through its public face: admission, scheduler, sampling and detokenisation included.</summary>
internal sealed class EngineSide : ISide
{
    private readonly InferenceEngine _engine;
    private readonly Workload _work;

    public EngineSide(string folder, EngineOptions options)
    {
        var start = Stopwatch.GetTimestamp();
        _engine = InferenceEngine.Open(folder, options);
        _work = new(_engine.Tokenizer.VocabularySize);
        FirstToken(Workload.FirstPrompt);
        LoadToFirstToken = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
    }

    public string Description => $"InferenceEngine, kernel set {_engine.Statistics.KernelSet}, {_engine.Statistics.Threads} threads, .NET {Environment.Version}";

    public double LoadToFirstToken { get; }

    public double Prefill(int tokens) => tokens / FirstToken(tokens) * 1e3;

    public double FirstToken(int promptTokens) => FirstTokenAsync(promptTokens).GetAwaiter().GetResult().TotalMilliseconds;

    /// <summary>All begin in one step, from whose end on it counts.</summary>
    public double Decode(int sequences, int steps)
    {
        GenerationRequest[] requests = [.. Enumerable.Range(0, sequences).Select(_ => Request(Workload.DecodePrompt, steps + 1))];
        return sequences * steps / EngineBenchmark.DecodeSecondsAsync(_engine, requests, CancellationToken.None).GetAwaiter().GetResult();
    }

    public float[] CheckLogits() => throw new UsageException("The engine's public face has no logits; ask the side 'stoker'.");

    public void Dispose() => _engine.DisposeAsync().AsTask().GetAwaiter().GetResult();

    private async Task<TimeSpan> FirstTokenAsync(int promptTokens)
    {
        await using var generation = _engine.Submit(Request(promptTokens, 1));
        return (await generation.CompleteAsync()).Usage.TimeToFirstToken!.Value;
    }

    private GenerationRequest Request(int promptTokens, int maxTokens) => new()
    {
        PromptTokens = _work.Tokens(promptTokens),
        MaxTokens = maxTokens,
        IgnoreEos = true,
        Sampling = new() { Temperature = 0, TopK = 0, TopP = 1 },
    };
}
