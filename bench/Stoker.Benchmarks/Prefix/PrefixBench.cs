using Stoker.Benchmarks.Comparing;
using Stoker.Benchmarks.Measuring;
using Stoker.Benchmarks.Serving;
using Stoker.Engine;

namespace Stoker.Benchmarks.Prefix;

/// <summary>
/// Time to first token of a request, and of a second one that shares a long prefix with it and has a short suffix of its
/// own: what the prefix cache saves.
/// </summary>
internal static class PrefixBench
{
    public static async Task RunAsync(string[] args)
    {
        var arguments = new Arguments(args, [], "--model", "--models", "--shapes", "--precision", "--threads", "--kernel-set", "--prefix", "--suffix", "--rounds");
        var (prefix, suffix) = (arguments.Integer("--prefix", 2000, 1, 100_000), arguments.Integer("--suffix", 48, 1, 100_000));
        var rounds = arguments.Integer("--rounds", 5, 1, 1000);
        var options = EngineSetup.Options(
            EngineSetup.Precision(arguments), arguments.Integer("--threads", Environment.ProcessorCount, 1, 512), arguments.Text("--kernel-set"));
        await using var engine = InferenceEngine.Open(
            ServingBench.Folder(arguments, "--shapes"), options with { ContextLength = prefix + suffix + 16, MaxSequences = 4 });
        var work = new Workload(engine.Tokenizer.VocabularySize);
        var (first, second, ratios, cached) = (new List<double>(), new List<double>(), new List<double>(), 0);
        for (var round = -1; round < rounds; round++)
        {
            var shared = work.Tokens(prefix);
            var before = await FirstTokenAsync(engine, [.. shared, .. work.Tokens(suffix)]);
            var after = await FirstTokenAsync(engine, [.. shared, .. work.Tokens(suffix)]);
            if (round < 0) continue; // compiles and touches
            first.Add(before.Milliseconds);
            second.Add(after.Milliseconds);
            ratios.Add(after.Milliseconds / before.Milliseconds);
            cached = after.Cached;
        }

        Console.WriteLine($"prefix of {prefix} tokens, suffixes of {suffix}; {cached} tokens of the second request came from the cache");
        var table = new Table(("time to first token", 20), ("median (min..max)", 24));
        table.Row("first request, ms", $"{Spread.Of(first)}");
        table.Row("second request, ms", $"{Spread.Of(second)}");
        table.Row("second / first", $"{Spread.Of(ratios)}");
    }

    private static async Task<(double Milliseconds, int Cached)> FirstTokenAsync(InferenceEngine engine, int[] prompt)
    {
        await using var generation = engine.Submit(new() { PromptTokens = prompt, MaxTokens = 1, IgnoreEos = true, Sampling = new() { Temperature = 0 } });
        var usage = (await generation.CompleteAsync()).Usage;
        return (usage.TimeToFirstToken!.Value.TotalMilliseconds, usage.CachedTokens);
    }
}
