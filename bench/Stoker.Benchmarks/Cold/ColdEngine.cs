using System.Diagnostics;
using Stoker.Benchmarks.Comparing;
using Stoker.Engine;

namespace Stoker.Benchmarks.Cold;

/// <summary>A process that opens an engine, makes one token and says so: what of a cold start is the engine's.</summary>
internal static class ColdEngine
{
    private const string Done = "first token";

    /// <summary>Milliseconds from the start of the process.</summary>
    public static async Task<double> MeasureAsync(string folder, string packed, params string[] flags)
    {
        var own = new ProcessStartInfo(Environment.ProcessPath!, ["cold-engine", folder, packed, .. flags])
        {
            RedirectStandardOutput = true,
        };
        var start = Stopwatch.GetTimestamp();
        using var process = Process.Start(own)!;
        var line = await process.StandardOutput.ReadLineAsync();
        var elapsed = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        await process.WaitForExitAsync();
        return line == Done ? elapsed : throw new UsageException("The engine made no token; its message stands above.");
    }

    public static async Task RunAsync(string[] args)
    {
        var arguments = new Arguments(args, ["FOLDER", "PACKED"], "--precision", "--threads", "--kernel-set");
        await using var engine = InferenceEngine.Open(arguments[0], new()
        {
            Packed = Enum.Parse<PackedUse>(arguments[1], ignoreCase: true),
            Precision = EngineSetup.Parse(arguments.Text("--precision") ?? "auto"),
            Threads = arguments.Integer("--threads", 0, 0, 1024),
            KernelSet = arguments.Text("--kernel-set"),
            PinThreads = ThreadPinning.Auto, // as a replica has it
        });
        await using var generation = engine.Submit(new()
        {
            PromptTokens = new Workload(Workload.SmallestVocabulary).Tokens(Workload.FirstPrompt),
            MaxTokens = 1,
            IgnoreEos = true,
            Sampling = new() { Temperature = 0 },
        });
        await generation.CompleteAsync();
        Console.WriteLine(Done);
    }
}
