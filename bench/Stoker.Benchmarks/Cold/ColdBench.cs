using System.Globalization;
using Stoker.Benchmarks.Comparing;
using Stoker.Benchmarks.LlamaCpp;
using Stoker.Benchmarks.Measuring;
using Stoker.Benchmarks.RandomModels;
using Stoker.Benchmarks.Serving;
using Stoker.Engine.Models;

namespace Stoker.Benchmarks.Cold;

/// <summary>
/// A cold start with warm files: of a real replica from the start of its process to the first token over its socket, of
/// a process with the engine alone, both with the packed model and with the plain folder, and of llama.cpp from its call
/// to load to the first token; in turns.
/// </summary>
/// <remarks>
/// A fresh process each time. The files are read right before each start: the program is measured, not the disk. The
/// folder is packed first where it has no good packed model. Without <c>--peer</c> ours are measured alone.
/// </remarks>
internal static class ColdBench
{
    public static async Task RunAsync(string[] args)
    {
        var arguments = new Arguments(
            args, [], "--model", "--models", "--shapes", "--peer", "--stoker", "--precision", "--rounds", "--threads", "--kernel-set");
        var precision = EngineSetup.Precision(arguments) is "auto" ? "bf16" : EngineSetup.Precision(arguments);
        var folder = Folder(arguments);
        var gguf = Gguf(arguments, folder, precision);
        var program = ReplicaProcess.Program(arguments.Text("--stoker"));
        var threads = arguments.Integer("--threads", Environment.ProcessorCount, 1, 512).ToString(CultureInfo.InvariantCulture);
        var packed = ModelPacker.Pack(folder, new() { Precision = EngineSetup.Parse(precision) });
        string[] flags = ["--precision", precision, "--threads", threads, .. KernelSet(arguments)];
        List<(string Name, Func<Task<double>> Measure)> rows =
        [
            ("ours, packed: process start to first token", () => ReplicaAsync(program, folder, [.. flags, "--packed", "require"])),
            ("ours, plain folder: the same", () => ReplicaAsync(program, folder, [.. flags, "--packed", "never"])),
            ("engine alone, packed: the same", () => ColdEngine.MeasureAsync(folder, "require", flags)),
        ];
        if (gguf is not null) rows.Add(("peer: load to first token, process running", () => Task.FromResult(Peer(arguments, gguf, threads))));

        var seen = await MeasureAsync(rows, gguf is null ? [folder] : [folder, gguf], arguments.Integer("--rounds", 5, 1, 100));
        var table = new Table(($"{Path.GetFileName(folder)}, {packed.Precision}", 44), ("ms: median (min..max)", 24));
        for (var row = 0; row < rows.Count; row++) table.Row(rows[row].Name, $"{Spread.Of(seen[row])}");
        var peer = gguf is null ? "" : string.Create(CultureInfo.InvariantCulture, $" peer {Spread.Of(seen[^1]).Median:F0} ms");
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture, $"\ncold {Path.GetFileName(folder)} {precision} ours {Spread.Of(seen[0]).Median:F0} ms{peer}"));
    }

    /// <summary>The first round is not counted: it brings the programs themselves into the page cache.</summary>
    private static async Task<List<double>[]> MeasureAsync(List<(string Name, Func<Task<double>> Measure)> rows, string[] places, int rounds)
    {
        List<double>[] seen = [.. rows.Select(_ => new List<double>())];
        for (var round = -1; round < rounds; round++)
        {
            for (var row = 0; row < rows.Count; row++)
            {
                foreach (var place in places) PageCache.Warm(place);
                var milliseconds = await rows[row].Measure();
                if (round >= 0) seen[row].Add(milliseconds);
            }
        }

        return seen;
    }

    private static string Folder(Arguments arguments)
    {
        if (arguments.Text("--model") is { } folder) return Path.GetFullPath(folder);
        return new ComparedModels(arguments.Required("--models")).Folder(Shape(arguments));
    }

    private static string? Gguf(Arguments arguments, string folder, string precision)
    {
        if (arguments.Text("--peer") is not { } peer) return null;
        if (arguments.Text("--model") is not null) throw new UsageException("--peer compares random models: give --models instead of --model.");
        PeerPackage.Find(peer);
        return new ComparedModels(arguments.Required("--models")).Gguf(Shape(arguments).Name, folder, WeightClass.Find(precision).PeerType);
    }

    private static RandomShape Shape(Arguments arguments) =>
        arguments.Text("--shapes") is { } name ? RandomShape.Find(name) : RandomShape.Llama1B;

    private static string[] KernelSet(Arguments arguments) =>
        arguments.Text("--kernel-set") is { } set ? ["--kernel-set", set] : [];

    private static double Peer(Arguments arguments, string gguf, string threads)
    {
        using var side = new SideProcess("llamacpp", gguf, "--peer", arguments.Required("--peer"), "--threads", threads);
        return side.LoadToFirstToken;
    }

    private static async Task<double> ReplicaAsync(string program, string folder, string[] flags)
    {
        using var replica = new ReplicaProcess(program, folder, flags);
        return await replica.FirstTokenAsync(new Workload(Workload.SmallestVocabulary).Tokens(Workload.FirstPrompt));
    }
}
