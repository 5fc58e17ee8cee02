using Stoker.Benchmarks.Comparing;

namespace Stoker.Benchmarks.Speculation;

/// <summary>
/// What speculation gives: on the built-in model as it is (<c>real</c>), on a 0.5B shape with a set acceptance (<c>target</c>), and whether it
/// ever costs (<c>adaptive</c>). Runs with and without take turns; medians.
/// </summary>
internal static class SpeculationBench
{
    private static readonly string[] Parts = ["real", "target", "adaptive"];

    public static async Task RunAsync(string[] args)
    {
        var arguments = new Arguments(args, [], "--parts", "--models", "--model", "--draft", "--threads", "--precision", "--kernel-set", "--rounds", "--tokens", "--batches");
        var parts = arguments.Words("--parts", Parts);
        var options = EngineSetup.Options(
            EngineSetup.Precision(arguments), arguments.Integer("--threads", Environment.ProcessorCount, 1, 512), arguments.Text("--kernel-set"));
        var (rounds, tokens) = (arguments.Integer("--rounds", 5, 1, 100), arguments.Integer("--tokens", 64, 8, 4096));
        if (parts.Contains("real")) await StoryRuns.RunAsync(options, rounds);
        if (!parts.Contains("target") && !parts.Contains("adaptive")) return;
        await using var pair = EnginePair.Open(arguments, options);
        if (parts.Contains("target")) await SetAcceptance.RunAsync(pair, rounds, tokens);
        if (parts.Contains("adaptive")) await NeverSlower.RunAsync(pair, arguments.Integers("--batches", NeverSlower.Batches, 1, EnginePair.MostSequences), rounds, tokens);
    }
}
