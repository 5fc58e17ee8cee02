using Stoker.Engine.Kernels;
using Stoker.Engine.Models;

namespace Stoker.Engine.Benchmarking;

/// <summary>
/// Measures a model on this machine through the whole engine: admission, scheduler, forward pass, sampling and
/// detokenisation. Nothing else should run meanwhile.
/// </summary>
/// <remarks>
/// Prompts are seeded random tokens, generation is greedy and ignores the end tokens: what is computed does not depend on
/// what the model says. The machine is probed right before each run, on as many threads as the engine has, because shared
/// machines change their speed within seconds.
/// </remarks>
public sealed class EngineBenchmark
{
    private const int DecodePrompt = 16; // short: decode then means weights and not attention
    private const int LeastContext = 3; // a prompt, the token that it gives, and one of decode
    private const long ProbeBytes = 256L << 20;

    private readonly InferenceEngine _engine;
    private readonly BenchmarkOptions _options;
    private readonly ModelWork _work;
    private readonly KernelSet _kernels;
    private readonly MachineProbe _probe;
    private readonly int _stepTokens;
    private uint _state = 20260801;

    private EngineBenchmark(InferenceEngine engine, BenchmarkOptions options, MachineProbe probe, int stepTokens)
    {
        (_engine, _options, _probe, _stepTokens) = (engine, options, probe, stepTokens);
        _work = engine.Work ?? throw new ArgumentException("The engine runs no model from a folder.", nameof(engine));
        _kernels = KernelSets.Choose(engine.Statistics.KernelSet);
    }

    /// <param name="engine">Its prefix cache and its bound of a step's time are left out.</param>
    /// <param name="progress">Told each row as soon as it is there.</param>
    /// <exception cref="ModelLoadException">The folder cannot be used.</exception>
    /// <exception cref="ArgumentException">An option is out of range; the message names it.</exception>
    public static async Task<BenchmarkReport> RunAsync(
        string modelFolder, EngineOptions? engine = null, BenchmarkOptions? options = null, IProgress<BenchmarkRow>? progress = null,
        CancellationToken cancellation = default)
    {
        options ??= new();
        options.Check();
        engine = Settings(engine ?? new(), options);
        await using var opened = InferenceEngine.Open(modelFolder, engine);
        if (opened.ContextLength < LeastContext) throw new ArgumentException($"ContextLength must be at least {LeastContext} to measure anything, was {opened.ContextLength}.");
        using var team = new ThreadTeam(opened.Statistics.Threads);
        using var probe = new MachineProbe(team, ProbeBytes);
        return await new EngineBenchmark(opened, options, probe, engine.StepTokens).MeasureAsync(progress, cancellation);
    }

    /// <summary>
    /// Prompts are computed, none found again, and those of one run all at once: steps short enough for streams would let a
    /// large model's first sequences answer while the last ones still wait, and tokens would count that no batch made.
    /// </summary>
    internal static EngineOptions Settings(EngineOptions engine, BenchmarkOptions options)
    {
        var sequences = Math.Max(engine.MaxSequences, options.Sequences.Max());
        return engine with
        {
            PrefixCache = false,
            StepTime = TimeSpan.Zero,
            MaxSequences = sequences,
            StepTokens = Math.Max(engine.StepTokens, sequences),
            MaxQueuedRequests = Math.Max(engine.MaxQueuedRequests, sequences),
        };
    }

    private async Task<BenchmarkReport> MeasureAsync(IProgress<BenchmarkRow>? progress, CancellationToken cancellation)
    {
        var rows = new List<BenchmarkRow>();
        await AddAsync(PrefillAsync(cancellation));
        foreach (var sequences in _options.Sequences) await AddAsync(DecodeAsync(sequences, cancellation));
        var statistics = _engine.Statistics;
        return new(statistics.KernelSet, statistics.Precision, statistics.Threads, _work.WeightBytes, rows);

        async Task AddAsync(Task<BenchmarkRow> measuring)
        {
            rows.Add(await measuring);
            progress?.Report(rows[^1]);
        }
    }

    private Task<BenchmarkRow> PrefillAsync(CancellationToken cancellation)
    {
        var tokens = Math.Min(_options.PrefillTokens, _engine.ContextLength - 1);
        var steps = (tokens + _stepTokens - 1) / _stepTokens;
        return RowAsync(
            BenchmarkPhase.Prefill, tokens, steps, tokens, tokens, logitRows: 1,
            async () => (await CompleteAsync(_engine.Submit(Request(tokens, 1)), cancellation)).TimeToFirstToken!.Value.TotalSeconds);
    }

    private Task<BenchmarkRow> DecodeAsync(int sequences, CancellationToken cancellation)
    {
        // All prompts go into one step: a sequence that began earlier would be counted as if it had not.
        var prompt = Math.Min(DecodePrompt, Math.Min(_engine.ContextLength / 2, _stepTokens / sequences));
        var steps = Math.Min(_options.GeneratedTokens, _engine.ContextLength - prompt) - 1; // the first token is the prompt's
        CheckFits(sequences, prompt + steps + 1);
        var tokens = (long)sequences * steps;
        return RowAsync(
            BenchmarkPhase.Decode, sequences, steps, tokens, tokens, tokens,
            () => DecodeSecondsAsync(_engine, [.. Enumerable.Range(0, sequences).Select(_ => Request(prompt, steps + 1))], cancellation));
    }

    /// <summary>From the first token of all, which they get in the same step, to the last one.</summary>
    internal static async Task<double> DecodeSecondsAsync(
        InferenceEngine engine, IReadOnlyList<GenerationRequest> requests, CancellationToken cancellation)
    {
        var usages = await Task.WhenAll(engine.SubmitTogether(requests).Select(generation => CompleteAsync(generation, cancellation)));
        return usages.Max(usage => usage.Duration.TotalSeconds) - usages.Max(usage => usage.TimeToFirstToken!.Value.TotalSeconds);
    }

    // Sequences that wait for blocks would make it a measurement of fewer.
    private void CheckFits(int sequences, int tokens)
    {
        var statistics = _engine.Statistics;
        var blocks = (long)sequences * ((tokens + statistics.KvBlockSize - 1) / statistics.KvBlockSize);
        if (blocks <= statistics.KvBlocksTotal) return;
        throw new ArgumentException(
            $"{nameof(BenchmarkOptions.Sequences)}: {sequences} sequences of {tokens} tokens take {blocks} KV blocks at once, but the cache has "
            + $"{statistics.KvBlocksTotal}. Measure fewer of them or fewer tokens, or free memory.");
    }

    /// <param name="seconds">Runs the work once.</param>
    private async Task<BenchmarkRow> RowAsync(
        BenchmarkPhase phase, int count, int steps, long tokens, long rows, long logitRows, Func<Task<double>> seconds)
    {
        await seconds();
        var runs = new List<(double Speed, double Limit, BenchmarkLimit By, MachineRates Rates)>();
        for (var run = 0; run < _options.Runs; run++)
        {
            var rates = MachineRates.Measure(_probe);
            var (least, by) = StepLimit.For(_work, rates, _kernels.FormOf, steps, rows, logitRows);
            runs.Add((tokens / await seconds(), tokens / least, by, rates));
        }

        var main = _kernels.FormOf(StepLimit.MainFormat(_work));
        return new(
            phase, count, Median(runs.Select(run => run.Speed)), runs.Min(run => run.Speed), runs.Max(run => run.Speed),
            Median(runs.Select(run => run.Limit)), runs.OrderBy(run => run.Limit).ElementAt(runs.Count / 2).By,
            Median(runs.Select(run => run.Speed / run.Limit)), Median(runs.Select(run => run.Rates.ReadBytes)),
            Median(runs.Select(run => run.Rates.Of(main))));
    }

    private GenerationRequest Request(int promptTokens, int maxTokens) => new()
    {
        PromptTokens = [.. Enumerable.Range(0, promptTokens).Select(_ => NextToken())],
        MaxTokens = maxTokens,
        IgnoreEos = true,
        Sampling = new() { Temperature = 0 },
    };

    private static async Task<GenerationUsage> CompleteAsync(Generation generation, CancellationToken cancellation)
    {
        await using var running = generation;
        return (await running.CompleteAsync(cancellation)).Usage;
    }

    private int NextToken()
    {
        _state = (_state * 1664525) + 1013904223;
        return (int)((_state >> 8) % (uint)_engine.Tokenizer.VocabularySize);
    }

    private static double Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        return sorted[sorted.Length / 2];
    }
}
