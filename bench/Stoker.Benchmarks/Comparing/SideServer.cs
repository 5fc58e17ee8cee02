using System.Globalization;
using System.Runtime.InteropServices;
using Stoker.Benchmarks.LlamaCpp;
using Stoker.Engine;
using Stoker.Engine.Benchmarking;

namespace Stoker.Benchmarks.Comparing;

/// <summary>
/// A side in a process of its own: lines on standard input ask for one timing, lines on standard output answer. Between
/// two lines the process sleeps in a read.
/// </summary>
internal static class SideServer
{
    public static void Run(string[] args)
    {
        var arguments = new Arguments(args, ["SIDE", "MODEL"], "--peer", "--precision", "--threads", "--kernel-set", "--prefill", "--sequences");
        var threads = arguments.Integer("--threads", Environment.ProcessorCount, 1, 1024);
        var prefill = arguments.Integer("--prefill", 512, 16, 8192);
        var sequences = arguments.Integer("--sequences", 16, 1, 64);
        using ISide side = arguments[0] switch
        {
            "stoker" => new StokerSide(arguments[1], EngineSetup.Precision(arguments), threads, arguments.Text("--kernel-set"), prefill, sequences, prefill),
            "engine" => new EngineSide(arguments[1], ForDecodes(sequences, EngineSetup.Options(EngineSetup.Precision(arguments), threads, arguments.Text("--kernel-set")) with
            {
                ContextLength = Math.Max(prefill, Workload.DecodeContext) + 1,
            })),
            "llamacpp" => new LlamaSide(PeerPackage.Find(arguments.Required("--peer")), arguments[1], threads, prefill),
            var other => throw new UsageException($"SIDE must be stoker, engine or llamacpp, was '{other}'."),
        };
        Say(side.Description);
        Say(side.LoadToFirstToken);
        while (Console.ReadLine() is { } line)
        {
            var words = line.Split(' ');
            if (words[0] == "prefill") Say(side.Prefill(Number(words[1])));
            else if (words[0] == "decode") Say(side.Decode(Number(words[1]), Number(words[2])));
            else if (words[0] == "first") Say(side.FirstToken(Number(words[1])));
            else if (words[0] == "logits") Say(Convert.ToBase64String(MemoryMarshal.AsBytes<float>(side.CheckLogits())));
            else if (words[0] == "bytes" && side is StokerSide ours) Say(ours.WeightBytes);
            else throw new UsageException($"'{line}' is no request.");
        }
    }

    /// <summary>All their prompts go into one step.</summary>
    private static EngineOptions ForDecodes(int sequences, EngineOptions options) => EngineBenchmark.Settings(
        options with { StepTokens = Math.Max(options.StepTokens, sequences * Workload.DecodePrompt) }, new() { Sequences = [sequences] });

    private static int Number(string word) => int.Parse(word, CultureInfo.InvariantCulture);

    private static void Say(double value) => Say(value.ToString("R", CultureInfo.InvariantCulture));

    private static void Say(string line)
    {
        Console.WriteLine(line);
        Console.Out.Flush();
    }
}
