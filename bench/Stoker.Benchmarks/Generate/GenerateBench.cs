using System.Diagnostics;
using System.Globalization;
using Stoker.Engine;
using Stoker.Engine.Benchmarking;
using Stoker.Engine.Scheduling;

namespace Stoker.Benchmarks.Generate;

/// <summary>
/// The whole engine on the built-in story-3m, through its public face: opening, time to first token, prefill, and
/// decode of one and of eight sequences. Medians of five runs after three to warm up.
/// </summary>
internal static class GenerateBench
{
    private const int WarmUps = 3; // the runtime compiles the hot paths anew after some 30 calls
    private const int Runs = 5;
    private const int LongPrompt = 384; // of a context of 512
    private const int Generated = 256;
    private const int Together = 8;

    private static readonly string Folder = Path.Combine(AppContext.BaseDirectory, "models", "story-3m");

    public static async Task RunAsync(string[] args)
    {
        var modes = new Arguments(args, [], "--delivery") is var arguments && arguments.Text("--delivery") is null
            ? ["auto"]
            : arguments.Words("--delivery", ["auto", "inline", "beside"]);
        var all = Environment.ProcessorCount;
        int[] threads = all == 1 ? [1] : [1, all];
        foreach (var count in threads)
        {
            foreach (var mode in modes) await MeasureAsync(count, Enum.Parse<DeliveryMode>(mode, ignoreCase: true));
        }
    }

    private static async Task MeasureAsync(int threads, DeliveryMode delivery)
    {
        var options = EngineBenchmark.Settings(new() { Threads = threads, Delivery = delivery }, new() { Sequences = [Together] });
        var opening = await MedianAsync(async () =>
        {
            var start = Stopwatch.GetTimestamp();
            await using var opened = InferenceEngine.Open(Folder, options);
            return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        });
        await using var engine = InferenceEngine.Open(Folder, options);
        var shortPrompt = engine.Tokenizer.Encode("Once upon a time", addSpecialTokens: true);
        int[] longPrompt = [.. Enumerable.Range(0, LongPrompt).Select(index => shortPrompt[index % shortPrompt.Length])];

        Console.WriteLine($"story-3m, kernel set {engine.Statistics.KernelSet}, threads {threads}, delivery {delivery}");
        Print("open", opening, "ms");
        Print("time to first token", await MedianAsync(() => FirstTokenAsync(engine, shortPrompt)) * 1e3, "ms");
        Print($"prefill of {LongPrompt} tokens", LongPrompt / await MedianAsync(() => FirstTokenAsync(engine, longPrompt)), "tokens/s");
        Print("decode x1", await MedianAsync(() => DecodeAsync(engine, shortPrompt, 1)), "tokens/s");
        Print($"decode x{Together} (sum)", await MedianAsync(() => DecodeAsync(engine, shortPrompt, Together)), "tokens/s");
    }

    /// <summary>Seconds from submission to the first token.</summary>
    private static async Task<double> FirstTokenAsync(InferenceEngine engine, int[] prompt)
    {
        await using var generation = engine.Submit(Greedy(prompt, maxTokens: 1));
        return (await generation.CompleteAsync()).Usage.TimeToFirstToken!.Value.TotalSeconds;
    }

    /// <summary>Tokens a second of all requests together, which begin in one step: what follows it counts.</summary>
    private static async Task<double> DecodeAsync(InferenceEngine engine, int[] prompt, int requests)
    {
        GenerationRequest[] together = [.. Enumerable.Repeat(Greedy(prompt, Generated), requests)];
        return requests * (Generated - 1) / await EngineBenchmark.DecodeSecondsAsync(engine, together, CancellationToken.None);
    }

    private static GenerationRequest Greedy(int[] prompt, int maxTokens) => new()
    {
        PromptTokens = prompt,
        MaxTokens = maxTokens,
        IgnoreEos = true,
        Sampling = new() { Temperature = 0 },
    };

    private static async Task<double> MedianAsync(Func<Task<double>> measure)
    {
        for (var run = 0; run < WarmUps; run++) await measure();
        var values = new List<double>();
        for (var run = 0; run < Runs; run++) values.Add(await measure());
        values.Sort();
        return values[Runs / 2];
    }

    private static void Print(string what, double value, string unit) =>
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {what,-24} {value,10:F1} {unit}"));
}
