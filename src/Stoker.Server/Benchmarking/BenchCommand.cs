using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Stoker.Engine;
using Stoker.Engine.Benchmarking;
using Stoker.Replica;

namespace Stoker.Server.Benchmarking;

/// <summary><c>stoker bench</c>: how fast a model in a folder runs on this machine, and what share of the machine that is.</summary>
internal sealed class BenchCommand(TextWriter output, TextWriter errors)
{
    private const int Failed = 1;
    private const int Interrupted = 130; // as a shell reports Ctrl-C

    private static readonly Dictionary<string, string> Flags = new(StringComparer.Ordinal)
    {
        [nameof(EngineOptions.Precision)] = "--precision",
        [nameof(EngineOptions.KernelSet)] = "--kernel-set",
        [nameof(EngineOptions.Threads)] = "--threads",
        [nameof(EngineOptions.ContextLength)] = "--context-length",
        [nameof(EngineOptions.MemoryBudgetBytes)] = "the memory budget", // has no flag: a bench takes what there is
        [nameof(BenchmarkOptions.PrefillTokens)] = "--prefill",
        [nameof(BenchmarkOptions.Sequences)] = "--sequences",
        [nameof(BenchmarkOptions.GeneratedTokens)] = "--tokens",
        [nameof(BenchmarkOptions.Runs)] = "--runs",
    };

    public async Task<int> RunAsync(string model, EngineOptions engine, BenchmarkOptions options, bool json, CancellationToken cancellation)
    {
        try
        {
            var report = await EngineBenchmark.RunAsync(model, engine, options, json ? null : new RowPrinter(output), cancellation);
            await output.WriteLineAsync(json ? JsonSerializer.Serialize(report, BenchJson.Default.BenchmarkReport) : Summary(report));
            return 0;
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            return Interrupted;
        }
        catch (Exception problem) when (problem is ModelLoadException or ArgumentException or RequestRefusedException or OutOfMemoryException)
        {
            await errors.WriteLineAsync($"stoker bench: {EngineRefusal.Line(problem, Flags)}");
            return Failed;
        }
    }

    private static string Summary(BenchmarkReport report)
    {
        var (read, operations) = (report.Rows[^1].ReadBytesPerSecond / 1e9, report.Rows[0].OperationsPerSecond / 1e9);
        return string.Create(CultureInfo.InvariantCulture, $"""

            {report.Precision}, kernel set {report.KernelSet}, {report.Threads} threads, {report.WeightBytes / 1e9:0.000} GB of weights; the machine reads {read:0.0} GB/s and computes {operations:0} G/s
            A limit is what the machine allowed right before each run: weights at its bandwidth, or their multiply-adds at its speed.
            """);
    }

    /// <summary>At once, not from a thread of its own as Progress does: rows stay in order.</summary>
    private sealed class RowPrinter(TextWriter output) : IProgress<BenchmarkRow>
    {
        private bool _hasHead;

        public void Report(BenchmarkRow row)
        {
            if (!_hasHead) output.WriteLine("phase            tokens/s      min      max    limit  share  limited by");
            _hasHead = true;
            output.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{row.Name,-14} {row.Median,10:0.0} {row.Minimum,8:0.0} {row.Maximum,8:0.0} {row.Limit,8:0.0} {row.Share,6:0 %}  {Limited(row.LimitedBy)}"));
        }

        private static string Limited(BenchmarkLimit by) => by == BenchmarkLimit.Memory ? "memory" : "arithmetic";
    }
}

/// <summary>The report as <c>--json</c> prints it.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, UseStringEnumConverter = true, WriteIndented = true)]
[JsonSerializable(typeof(BenchmarkReport))]
internal sealed partial class BenchJson : JsonSerializerContext;
