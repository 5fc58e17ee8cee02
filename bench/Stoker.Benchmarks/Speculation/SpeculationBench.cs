using Stoker.Benchmarks.Comparing;
using Stoker.Benchmarks.Speculation.Equality;
using Stoker.Engine;

namespace Stoker.Benchmarks.Speculation;

/// <summary>
/// What speculation gives: on the built-in model as it is (<c>real</c>), on a 0.5B shape with a set acceptance (<c>target</c>), and whether it
/// ever costs (<c>adaptive</c>). Runs with and without take turns; medians. And that it never changes an answer (<c>equality</c>).
/// </summary>
internal static class SpeculationBench
{
    private static readonly string[] Parts = ["equality", "real", "target", "adaptive"];

    public static async Task RunAsync(string[] args)
    {
        var arguments = new Arguments(args, [], "--parts", "--models", "--model", "--draft", "--threads", "--precision", "--kernel-set", "--rounds", "--tokens", "--batches",
            "--prompts", "--seed");
        var parts = arguments.Words("--parts", Parts);
        var options = EngineSetup.Options(
            EngineSetup.Precision(arguments), arguments.Integer("--threads", Environment.ProcessorCount, 1, 512), arguments.Text("--kernel-set"));
        var rounds = arguments.Integer("--rounds", 5, 1, EnginePair.MostSequences - 1);
        int? asked = arguments.Text("--tokens") is null ? null : arguments.Integer("--tokens", 0, 8, 4096);
        if (parts.Contains("equality")) await CheckEqualityAsync(arguments, options);
        if (parts.Contains("real")) await StoryRuns.RunAsync(options, rounds);
        if (!parts.Contains("target") && !parts.Contains("adaptive")) return;
        await using var pair = EnginePair.Open(arguments, options);
        if (parts.Contains("target")) await SetAcceptance.RunAsync(pair, rounds, asked ?? SetAcceptance.Tokens);
        if (parts.Contains("adaptive")) await NeverSlower.RunAsync(pair, arguments.Integers("--batches", NeverSlower.Batches, 1, EnginePair.MostSequences), rounds, asked);
    }

    /// <exception cref="BenchFailedException">An answer differs, or drafts are accepted more or less often than they must; all has been printed.</exception>
    private static async Task CheckEqualityAsync(Arguments arguments, EngineOptions options)
    {
        var faults = await new EqualityRuns(options, arguments.Integer("--prompts", 200, 0, 10_000), arguments.Integer("--seed", 5, 0, int.MaxValue)).MeasureAsync();
        if (faults.Count > 0) throw new BenchFailedException(string.Join("; ", faults));
    }
}
