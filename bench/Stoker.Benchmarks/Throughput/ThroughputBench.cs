using System.Globalization;
using Stoker.Benchmarks.Comparing;
using Stoker.Benchmarks.Measuring;
using Stoker.Benchmarks.RandomModels;

namespace Stoker.Benchmarks.Throughput;

/// <summary>
/// The engine's forward pass in every precision: prefill and decode in batches, each row with the machine's limit measured
/// beside it and the share that was reached.
/// </summary>
internal sealed class ThroughputBench(Arguments arguments)
{
    private const int Chunk = 512; // rows of one prefill step
    private const int WarmUps = 2;

    private readonly int _threads = arguments.Integer("--threads", Environment.ProcessorCount, 1, 512);
    private readonly int _runs = arguments.Integer("--runs", 5, 1, 100);
    private readonly int _steps = arguments.Integer("--steps", 24, 2, Workload.DecodeContext - Workload.DecodePrompt - 1);
    private readonly int[] _prefills = arguments.Integers("--prefill", [512, 2048], 16, 8192);
    private readonly int[] _sequences = arguments.Integers("--sequences", [1, 8, 16, 32], 1, 64);
    private readonly string? _kernelSet = arguments.Text("--kernel-set");

    public static void Run(string[] args)
    {
        var arguments = new Arguments(
            args, [], "--models", "--shapes", "--precision", "--threads", "--runs", "--steps", "--prefill", "--sequences", "--kernel-set");
        var models = new ComparedModels(arguments.Required("--models"));
        var shapes = arguments.Text("--shapes") is null
            ? [RandomShape.Llama1B, RandomShape.Qwen05B]
            : arguments.Words("--shapes", [.. RandomShape.All.Select(shape => shape.Name)]).Select(RandomShape.Find);
        string[] precisions = [.. arguments.Words("--precision", EngineSetup.Precisions).Where(name => name != "auto")];
        var bench = new ThroughputBench(arguments);
        using var limits = new Limits(bench._threads, bench._kernelSet);
        foreach (var shape in shapes)
        {
            var folder = models.Folder(shape);
            foreach (var precision in precisions) OnItsOwnThread(() => bench.Measure(shape, folder, precision, limits));
        }
    }

    /// <summary>The model may bind the thread to a core, and the next model's threads would inherit that.</summary>
    private static void OnItsOwnThread(Action measure) =>
        Task.Factory.StartNew(measure, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default).GetAwaiter().GetResult();

    private void Measure(RandomShape shape, string folder, string precision, Limits limits)
    {
        using var side = new StokerSide(folder, precision, _threads, _kernelSet, _prefills.Max(), _sequences.Max(), Chunk);
        var work = ModelWork.Of(shape);
        Console.WriteLine($"\n{shape.Name}, {precision}; {side.Description}");
        var table = new Table(
            ("tokens/s", 12), ("median (min..max)", 22), ("GB/s", 6), ("limit", 6), ("share", 6), ("GOP/s", 8), ("limit", 8), ("share", 6));
        foreach (var count in _sequences)
        {
            var steps = count == 1 ? _steps : Math.Max(2, _steps / 2);
            Row(table, $"decode x{count}", precision, limits, (double)side.WeightBytes / count, work.Operations(count, count) / count, () => side.Decode(count, steps));
        }
        foreach (var tokens in _prefills)
        {
            var chunks = (tokens + Chunk - 1) / Chunk;
            Row(table, $"prefill {tokens}", precision, limits, (double)side.WeightBytes * chunks / tokens, work.Operations(tokens, chunks) / tokens, () => side.Prefill(tokens));
        }
    }

    /// <summary>Shares are medians of each run's own share: the limit is measured right before the run.</summary>
    private void Row(Table table, string name, string precision, Limits limits, double bytesPerToken, double operationsPerToken, Func<double> measure)
    {
        for (var warmUp = 0; warmUp < WarmUps; warmUp++) measure();
        var (rates, reads, operations) = (new List<double>(), new List<double>(), new List<double>());
        for (var run = 0; run < _runs; run++)
        {
            reads.Add(limits.Reading());
            operations.Add(limits.Operations(precision));
            rates.Add(measure());
        }

        table.Row(
            name,
            $"{Spread.Of(rates)}",
            Spread.Digits(Spread.Of(rates).Median * bytesPerToken / 1e9),
            Spread.Digits(Spread.Of(reads).Median / 1e9),
            Share(rates.Zip(reads, (rate, limit) => rate * bytesPerToken / limit)),
            Spread.Digits(Spread.Of(rates).Median * operationsPerToken / 1e9),
            Spread.Digits(Spread.Of(operations).Median / 1e9),
            Share(rates.Zip(operations, (rate, limit) => rate * operationsPerToken / limit)));
    }

    private static string Share(IEnumerable<double> shares) => (100 * Spread.Of(shares).Median).ToString("F0", CultureInfo.InvariantCulture) + " %";
}
