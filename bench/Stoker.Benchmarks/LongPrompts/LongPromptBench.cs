using System.Globalization;
using Stoker.Benchmarks.Comparing;
using Stoker.Benchmarks.Measuring;
using Stoker.Benchmarks.Serving;
using Stoker.Engine;

namespace Stoker.Benchmarks.LongPrompts;

/// <summary>
/// A long prompt beside eight answers on a 0.5B shape: what each setting of the share of answers makes of the time to the prompt's first token and of
/// the answers' speed and gaps. Every figure is by that of the same engine undisturbed, right before.
/// </summary>
internal static class LongPromptBench
{
    private const double MostStretch = 1.6, LeastRate = 0.5, MostTailGap = 2.5;
    private const double Even = 0.5;

    private static readonly double[] Shares = [0.25, Even, LongPromptOptions.DecodeFirst];

    public static async Task RunAsync(string[] args)
    {
        var arguments = new Arguments(
            args, [], "--model", "--models", "--shapes", "--threads", "--precision", "--kernel-set", "--rounds", "--prompt", "--decodes", "--shares", "--chunk", "--parts");
        var folder = ServingBench.Folder(arguments, "--shapes");
        var parts = arguments.Words("--parts", ["steps", "shares"]);
        if (parts.Contains("steps")) StepTimes.Run(arguments, folder);
        if (!parts.Contains("shares")) return;
        var (rounds, prompt, decodes) =
            (arguments.Integer("--rounds", 3, 1, 100), arguments.Integer("--prompt", 8192, 64, 1_000_000), arguments.Integer("--decodes", 8, 1, 64));
        var chunk = arguments.Integer("--chunk", new LongPromptOptions().ChunkTokens, 64, 16_384);
        var options = EngineSetup.Options(
            EngineSetup.Precision(arguments), arguments.Integer("--threads", Environment.ProcessorCount, 1, 512), arguments.Text("--kernel-set")) with
        {
            MaxSequences = decodes + 1,
            ContextLength = 2 * prompt, // the answers must outlast the prompt
        };
        var shares = arguments.Text("--shares") is null ? Shares : [.. arguments.Integers("--shares", [], 5, 95).Select(percent => percent / 100.0)];

        Console.WriteLine($"a prompt of {prompt} tokens beside {decodes} answers, {Path.GetFileName(folder)}; medians of the rounds; times by those undisturbed");
        var table = new Table(
            ("setting", 18), ("rounds", 6), ("alone, ms", 9), ("gap, ms", 7), ("first token", 18), ("answers' speed", 18), ("gap p50", 8), ("p99", 8), ("longest", 8), ("asked", 34));
        await RowAsync(table, "without the plan", folder, options, prompt, decodes, rounds: 1, "");
        foreach (var share in shares)
        {
            var name = $"share {share.ToString(CultureInfo.InvariantCulture)}";
            var setting = options with { LongPrompt = new() { DecodeShare = share, ChunkTokens = chunk } };
            // The even share is the one that is measured closely; with more for the answers a round takes a minute.
            await RowAsync(table, name, folder, setting, prompt, decodes, share == Even || shares.Length == 1 ? rounds : 1, share switch
            {
                Even => "first token",
                LongPromptOptions.DecodeFirst => "gap",
                _ => "",
            });
        }
    }

    private static async Task RowAsync(Table table, string name, string folder, EngineOptions options, int prompt, int decodes, int rounds, string asked)
    {
        await using var engine = InferenceEngine.Open(folder, options);
        var scene = new PromptBesideDecodes(engine, prompt, decodes);
        await scene.WarmAsync();
        var seen = new List<BesideDecodes>();
        for (var round = 0; round < rounds; round++) seen.Add(await scene.RoundAsync());
        var (stretch, rate) = (Spread.Of(seen.Select(round => round.Stretch)), Spread.Of(seen.Select(round => round.DecodeRate)));
        var tail = Median(round => round.TailGap);
        table.Row(
            name, $"{rounds}", Spread.Digits(Median(round => round.PureMilliseconds)), Spread.Digits(Median(round => round.UndisturbedGap)), $"{stretch}", $"{rate}",
            Spread.Digits(Median(round => round.MedianGap)), Spread.Digits(tail), Spread.Digits(Median(round => round.LongestGap)),
            asked switch
            {
                "first token" => $"<= {MostStretch} and >= {LeastRate}: {Verdict(stretch.Median <= MostStretch && rate.Median >= LeastRate)}",
                "gap" => $"p99 <= {MostTailGap}: {Verdict(tail <= MostTailGap)}",
                _ => "-",
            });

        double Median(Func<BesideDecodes, double> figure) => Spread.Of(seen.Select(figure)).Median;
    }

    private static string Verdict(bool kept) => kept ? "kept" : "MISSED";
}
