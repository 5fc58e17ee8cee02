using System.Diagnostics;
using Stoker.Engine;

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

    public double FirstToken(int promptTokens) => Complete(promptTokens, 1).GetAwaiter().GetResult().TimeToFirstToken!.Value.TotalMilliseconds;

    /// <summary>From the first of the first tokens to the last of the last.</summary>
    public double Decode(int sequences, int steps)
    {
        var running = Enumerable.Range(0, sequences).Select(_ => Complete(Workload.DecodePrompt, steps + 1)).ToArray();
        var usages = Task.WhenAll(running).GetAwaiter().GetResult();
        var seconds = usages.Max(usage => usage.Duration.TotalSeconds) - usages.Min(usage => usage.TimeToFirstToken!.Value.TotalSeconds);
        return sequences * steps / seconds;
    }

    public float[] CheckLogits() => throw new UsageException("The engine's public face has no logits; ask the side 'stoker'.");

    public void Dispose() => _engine.DisposeAsync().AsTask().GetAwaiter().GetResult();

    private async Task<GenerationUsage> Complete(int promptTokens, int maxTokens)
    {
        await using var generation = _engine.Submit(new()
        {
            PromptTokens = _work.Tokens(promptTokens),
            MaxTokens = maxTokens,
            IgnoreEos = true,
            Sampling = new() { Temperature = 0, TopK = 0, TopP = 1 },
        });
        return (await generation.CompleteAsync()).Usage;
    }
}
