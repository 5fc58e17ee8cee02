using System.Diagnostics;
using Stoker.Benchmarks.Comparing;
using Stoker.Benchmarks.Measuring;
using Stoker.Engine;

namespace Stoker.Benchmarks.LongPrompts;

/// <summary>What one round saw; each figure by that of the same thing undisturbed.</summary>
/// <param name="PureMilliseconds">Time to first token with the machine to itself.</param>
/// <param name="UndisturbedGap">Median milliseconds between two tokens of an answer beside the other answers.</param>
/// <param name="Stretch">Time to first token beside the answers by that alone.</param>
/// <param name="DecodeRate">Tokens a second of the answers while the prompt is computed, by those without it.</param>
/// <param name="MedianGap">Of an answer's tokens beside the prompt, by the undisturbed median.</param>
internal sealed record BesideDecodes(
    double PureMilliseconds, double UndisturbedGap, double Stretch, double DecodeRate, double MedianGap, double TailGap, double LongestGap);

/// <summary>A long prompt alone, then beside answers that run, in one engine.</summary>
internal sealed class PromptBesideDecodes(InferenceEngine engine, int promptTokens, int decodes)
{
    private const int WindowTokens = 48, ShortPrompt = 32;

    private readonly Workload _work = new(engine.Tokenizer.VocabularySize);

    /// <summary>The engine learns what steps cost on the way, as it does in service.</summary>
    public async Task WarmAsync()
    {
        await FirstTokenAsync(1024);
        await RunAsync(512, pure: 1);
    }

    /// <exception cref="BenchFailedException">An answer ended while it was measured.</exception>
    public async Task<BesideDecodes> RoundAsync()
    {
        var pure = await FirstTokenAsync(promptTokens);
        return await RunAsync(promptTokens, pure);
    }

    private async Task<BesideDecodes> RunAsync(int tokens, double pure)
    {
        var streams = Enumerable.Range(0, decodes).Select(_ => new TimedStream(engine.Submit(Ask(ShortPrompt, engine.ContextLength - ShortPrompt)))).ToArray();
        try
        {
            await ReachAsync(streams, 8);
            var before = await WindowAsync(streams);
            var from = Stopwatch.GetTimestamp();
            var first = await FirstTokenAsync(tokens);
            var to = Stopwatch.GetTimestamp();
            await ReachAsync(streams, streams.Max(stream => stream.Count) + 4);
            var after = await WindowAsync(streams);
            var (count, gaps) = Between(streams, from, to);
            var (undisturbedRate, undisturbed) = ((before.Rate + after.Rate) / 2, Spread.Percentile([.. before.Gaps, .. after.Gaps], 0.5));
            return new(
                pure, undisturbed, first / pure, count / Stopwatch.GetElapsedTime(from, to).TotalSeconds / undisturbedRate, Spread.Percentile(gaps, 0.5) / undisturbed,
                Spread.Percentile(gaps, 0.99) / undisturbed, Spread.Percentile(gaps, 1) / undisturbed);
        }
        finally
        {
            foreach (var stream in streams) await stream.DisposeAsync();
        }
    }

    private async Task<double> FirstTokenAsync(int tokens)
    {
        var request = Ask(tokens, 1);
        var start = Stopwatch.GetTimestamp();
        await engine.Submit(request).CompleteAsync();
        return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
    }

    private GenerationRequest Ask(int prompt, int tokens) =>
        new() { PromptTokens = _work.Tokens(prompt), MaxTokens = tokens, IgnoreEos = true, Sampling = new() { Temperature = 0 } };

    private static async Task<(double Rate, double[] Gaps)> WindowAsync(TimedStream[] streams)
    {
        var from = Stopwatch.GetTimestamp();
        await ReachAsync(streams, streams.Max(stream => stream.Count) + WindowTokens);
        var to = Stopwatch.GetTimestamp();
        var (count, gaps) = Between(streams, from, to);
        return (count / Stopwatch.GetElapsedTime(from, to).TotalSeconds, gaps);
    }

    private static Task ReachAsync(TimedStream[] streams, int tokens) => Task.WhenAll(streams.Select(stream => stream.ReachAsync(tokens)));

    private static (int Tokens, double[] Gaps) Between(TimedStream[] streams, long from, long to)
    {
        var seen = streams.Select(stream => stream.Between(from, to)).ToArray();
        return (seen.Sum(one => one.Tokens), [.. seen.SelectMany(one => one.Gaps)]);
    }
}
