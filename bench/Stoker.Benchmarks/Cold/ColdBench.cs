using System.Diagnostics;
using System.Globalization;
using Stoker.Benchmarks.Comparing;
using Stoker.Benchmarks.LlamaCpp;
using Stoker.Benchmarks.Measuring;
using Stoker.Benchmarks.RandomModels;
using Stoker.Benchmarks.Serving;

namespace Stoker.Benchmarks.Cold;

/// <summary>
/// A cold start with warm files: of a real replica from the start of its process to the first token over HTTP, and of
/// llama.cpp from its call to load to the first token, in turns.
/// </summary>
/// <remarks>A fresh process each time for both. The files are in the page cache from the first, uncounted round.</remarks>
internal static class ColdBench
{
    public static async Task RunAsync(string[] args)
    {
        var arguments = new Arguments(args, [], "--models", "--shapes", "--peer", "--stoker", "--precision", "--rounds", "--threads", "--kernel-set");
        var models = new ComparedModels(arguments.Required("--models"));
        var shape = arguments.Text("--shapes") is { } name ? RandomShape.Find(name) : RandomShape.Llama1B;
        var folder = models.Folder(shape);
        var precision = EngineSetup.Precision(arguments) is "auto" ? "bf16" : EngineSetup.Precision(arguments);
        var gguf = models.Gguf(shape.Name, folder, WeightClass.Find(precision).PeerType);
        var (program, peer) = (ReplicaProcess.Program(arguments.Text("--stoker")), arguments.Required("--peer"));
        PeerPackage.Find(peer);
        var threads = arguments.Integer("--threads", Environment.ProcessorCount, 1, 512).ToString(CultureInfo.InvariantCulture);
        var (ours, theirs, ready) = (new List<double>(), new List<double>(), new List<double>());
        for (var round = -1; round < arguments.Integer("--rounds", 5, 1, 100); round++)
        {
            var (readyMilliseconds, first) = await OursAsync(program, folder, ServingBench.Flags(arguments));
            using var side = new SideProcess("llamacpp", gguf, "--peer", peer, "--threads", threads);
            if (round < 0) continue;
            ready.Add(readyMilliseconds);
            ours.Add(first);
            theirs.Add(side.LoadToFirstToken);
        }

        var table = new Table(($"{shape.Name}, {precision}", 44), ("ms: median (min..max)", 24));
        table.Row("ours: process start to ready", $"{Spread.Of(ready)}");
        table.Row("ours: process start to first token", $"{Spread.Of(ours)}");
        table.Row("peer: load to first token, process running", $"{Spread.Of(theirs)}");
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"\ncold {shape.Name} {precision} ours {Spread.Of(ours).Median:F0} ms peer {Spread.Of(theirs).Median:F0} ms"));
    }

    private static async Task<(double Ready, double First)> OursAsync(string program, string folder, IEnumerable<string> flags)
    {
        using var replica = new ReplicaProcess(program, folder, flags);
        await replica.ReadyAsync();
        var ready = Stopwatch.GetElapsedTime(replica.StartedAt).TotalMilliseconds;
        await StreamedRequest.SendAsync(replica.Client, new Workload(Workload.SmallestVocabulary).Tokens(Workload.FirstPrompt), 1);
        return (ready, Stopwatch.GetElapsedTime(replica.StartedAt).TotalMilliseconds);
    }
}
