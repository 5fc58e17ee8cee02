using System.Globalization;
using Stoker.Benchmarks.Comparing;
using Stoker.Benchmarks.LlamaCpp;
using Stoker.Benchmarks.Measuring;

namespace Stoker.Benchmarks.Small;

/// <summary>
/// A model of 3 million weights, where a token takes some 100 us and overhead rules: decode of one sequence and time to
/// first token, our whole engine against llama.cpp's bare calls.
/// </summary>
/// <remarks>
/// Ours is timed through its public face, with scheduler, sampling and text; the forward pass alone stands below for
/// comparison. The peer is tried with one thread and with all, and the better one counts.
/// </remarks>
internal static class SmallBench
{
    private const string Model = "story-3m";
    private const int Steps = 200; // some 20 ms; prompt and answer stay within the decode context
    private const int PromptTokens = 32;
    private const int FirstTokens = 9; // one after the other, of which the median counts: a single one is mostly the system waking threads
    private const int WarmUps = 5; // short runs: our hot paths are compiled anew in between
    private static readonly string Folder = Path.Combine(AppContext.BaseDirectory, "models", Model);

    public static void Run(string[] args)
    {
        var arguments = new Arguments(args, [], "--peer", "--models", "--rounds", "--threads", "--kernel-set");
        var (peerFolder, rounds) = (arguments.Required("--peer"), arguments.Integer("--rounds", 5, 1, 1000));
        var threads = arguments.Integer("--threads", Environment.ProcessorCount, 1, 512);
        PeerPackage.Find(peerFolder);
        var gguf = new ComparedModels(arguments.Required("--models")).Gguf(Model, Folder, "bf16");
        string[] ours = ["--threads", Text(threads), "--prefill", Text(PromptTokens), .. arguments.Text("--kernel-set") is { } set ? new[] { "--kernel-set", set } : []];
        using var engine = new SideProcess(["engine", Folder, .. ours]);
        using var forward = new SideProcess(["stoker", Folder, .. ours]);
        List<(string Name, SideProcess Side)> sides = [("engine", engine), ("forward alone", forward)];
        foreach (var count in new[] { 1, threads }.Distinct())
        {
            sides.Add(($"peer, {count} thread{(count == 1 ? "" : "s")}", new(["llamacpp", gguf, "--peer", peerFolder, "--threads", Text(count), "--prefill", Text(PromptTokens)])));
        }

        try
        {
            foreach (var (name, side) in sides) Console.WriteLine($"  {name}: {side.Description}");
            SameModel.Check(forward, sides[2].Side, WeightClass.Find("bf16").LeastCosine);
            var decode = Measure(sides, rounds, side => side.Decode(1, Steps));
            var first = Measure(sides, rounds, side => Spread.Of([.. Enumerable.Range(0, FirstTokens).Select(_ => side.FirstToken(PromptTokens))]).Median);
            Print(sides, decode, first, rounds);
        }
        finally
        {
            foreach (var (_, side) in sides.Skip(2)) side.Dispose();
        }
    }

    private static List<double>[] Measure(List<(string Name, SideProcess Side)> sides, int rounds, Func<SideProcess, double> measure)
    {
        var values = sides.Select(_ => new List<double>()).ToArray();
        for (var round = -WarmUps; round < rounds; round++)
        {
            for (var side = 0; side < sides.Count; side++)
            {
                var value = measure(sides[side].Side);
                if (round >= 0) values[side].Add(value);
            }
        }
        return values;
    }

    private static void Print(List<(string Name, SideProcess Side)> sides, List<double>[] decode, List<double>[] first, int rounds)
    {
        var table = new Table(("story-3m, bf16", 18), ("decode x1, tokens/s", 24), ($"first token of {PromptTokens}, ms", 24));
        for (var side = 0; side < sides.Count; side++) table.Row(sides[side].Name, $"{Spread.Of(decode[side])}", $"{Spread.Of(first[side])}");
        var (bestDecode, bestFirst) = (decode.Skip(2).MaxBy(values => Spread.Of(values).Median)!, first.Skip(2).MinBy(values => Spread.Of(values).Median)!);
        var x1 = Spread.Of(Enumerable.Range(0, rounds).Select(round => decode[0][round] / bestDecode[round])).Median;
        var ttft = Spread.Of(Enumerable.Range(0, rounds).Select(round => bestFirst[round] / first[0][round])).Median;
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"\nratio {Model} bf16 x1 {x1:F2} ttft {ttft:F2}"));
    }

    private static string Text(int value) => value.ToString(CultureInfo.InvariantCulture);
}
