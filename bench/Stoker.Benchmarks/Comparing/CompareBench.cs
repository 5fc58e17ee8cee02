using System.Globalization;
using Stoker.Benchmarks.LlamaCpp;
using Stoker.Benchmarks.Measuring;
using Stoker.Benchmarks.RandomModels;

namespace Stoker.Benchmarks.Comparing;

/// <summary>
/// Our forward pass against llama.cpp's on the same weights, step by step: both without scheduler and sampling, each step
/// ends in the largest logits of every sequence.
/// </summary>
/// <remarks>
/// Each side lives in a process of its own; only one of them has work at any time, and the other's threads sleep (ours) or
/// are gone (the peer's). A round times ours, then the peer, so that a machine that changes its speed changes it for both;
/// a ratio is the median over rounds of each round's own ratio.
/// </remarks>
internal sealed class CompareBench
{
    /// <summary>Memory is touched in the first; our hot paths are compiled anew after some 30 calls, beside the peer's turn.</summary>
    private const int WarmUps = 2;

    /// <summary>Of ours: the forward pass, as the peer's calls are, or the engine with its scheduler and sampling.</summary>
    private static readonly string[] Faces = ["stoker", "engine"];

    private readonly ComparedModels _models;
    private readonly string _peer;
    private readonly string _face;
    private readonly string? _kernelSet;
    private readonly int _rounds, _threads, _prefill, _steps;
    private readonly int[] _sequences;
    private readonly List<string> _ratios = [];

    private CompareBench(Arguments arguments)
    {
        _peer = arguments.Required("--peer");
        _models = new(arguments.Required("--models"));
        _face = arguments.Words("--face", Faces) is [var face] ? face : Faces[0];
        _kernelSet = arguments.Text("--kernel-set");
        _rounds = arguments.Integer("--rounds", 5, 1, 100);
        _threads = arguments.Integer("--threads", Environment.ProcessorCount, 1, 512);
        _prefill = arguments.Integer("--prefill", 512, 16, 8192);
        _steps = arguments.Integer("--steps", 24, 2, Workload.DecodeContext - Workload.DecodePrompt - 1);
        _sequences = arguments.Integers("--sequences", [1, 8, 16], 1, 32);
    }

    public static void Run(string[] args)
    {
        var arguments = new Arguments(
            args, [], "--peer", "--models", "--shapes", "--classes", "--rounds", "--threads", "--prefill", "--steps", "--sequences", "--kernel-set", "--face");
        string[] known = [.. RandomShape.All.Select(shape => shape.Name)];
        var shapes = arguments.Text("--shapes") is null
            ? [RandomShape.Llama1B, RandomShape.Qwen05B]
            : arguments.Words("--shapes", known).Select(RandomShape.Find);
        var classes = arguments.Words("--classes", WeightClass.Names).Select(WeightClass.Find).ToList();
        var bench = new CompareBench(arguments);
        PeerPackage.Find(bench._peer); // before minutes go into weights
        using var limits = new Limits(bench._threads, bench._kernelSet);
        foreach (var shape in shapes)
        {
            foreach (var weights in classes) bench.Compare(shape, weights, limits);
        }

        Console.WriteLine();
        foreach (var line in bench._ratios) Console.WriteLine(line);
    }

    private void Compare(RandomShape shape, WeightClass weights, Limits limits)
    {
        var folder = _models.Folder(shape);
        var gguf = _models.Gguf(shape.Name, folder, weights.PeerType);
        Console.WriteLine($"\n{shape.Name}, {weights.Name} against {weights.PeerType}");
        string[] common = ["--threads", Text(_threads), "--prefill", Text(_prefill), "--sequences", Text(_sequences.Max())];
        string[] mine = [folder, "--precision", weights.Name, .. common, .. _kernelSet is null ? [] : new[] { "--kernel-set", _kernelSet }];
        using var peer = new SideProcess(["llamacpp", gguf, "--peer", _peer, .. common]);
        using (var forward = new SideProcess(["stoker", .. mine])) SameModel.Check(forward, peer, weights.LeastCosine);
        using var ours = new SideProcess([_face, .. mine]);
        Console.WriteLine($"  ours: {ours.Description}\n  peer: {peer.Description}");
        Console.WriteLine($"  load to first token, once: ours {ours.LoadToFirstToken:F0} ms, peer {peer.LoadToFirstToken:F0} ms");

        var table = new Table(("tokens/s", 12), ("ours: median (min..max)", 24), ("peer: median (min..max)", 24), ("ratio", 22), ("GB/s", 6), ("GOP/s", 8));
        List<string> words = [];
        foreach (var count in _sequences)
        {
            var steps = count == 1 ? _steps : Math.Max(2, _steps / 2);
            words.Add($"x{count} {Row(table, $"decode x{count}", weights.Name, limits, () => ours.Decode(count, steps), () => peer.Decode(count, steps))}");
        }
        words.Add($"prefill {Row(table, $"prefill {_prefill}", weights.Name, limits, () => ours.Prefill(_prefill), () => peer.Prefill(_prefill))}");
        _ratios.Add($"ratio {shape.Name} {weights.Name} {string.Join(' ', words)}");
    }

    private string Row(Table table, string name, string precision, Limits limits, Func<double> ours, Func<double> peer)
    {
        var (mine, theirs, ratios) = (new List<double>(), new List<double>(), new List<double>());
        var (bandwidth, operations) = (new List<double>(), new List<double>());
        for (var warmUp = 0; warmUp < WarmUps; warmUp++)
        {
            ours();
            peer();
        }
        for (var round = 0; round < _rounds; round++)
        {
            mine.Add(ours());
            theirs.Add(peer());
            ratios.Add(mine[^1] / theirs[^1]);
            bandwidth.Add(limits.Reading() / 1e9);
            operations.Add(limits.Operations(precision) / 1e9);
        }

        var ratio = Spread.Of(ratios);
        table.Row($"{name}", $"{Spread.Of(mine)}", $"{Spread.Of(theirs)}", $"{ratio}", Spread.Digits(Spread.Of(bandwidth).Median), Spread.Digits(Spread.Of(operations).Median));
        return ratio.Median.ToString("F2", CultureInfo.InvariantCulture);
    }

    private static string Text(int value) => value.ToString(CultureInfo.InvariantCulture);
}
