using System.Diagnostics;
using Stoker.Benchmarks.Measuring;
using Stoker.Engine.Kernels;
using Stoker.Engine.Weights;
using MachineProbe = Stoker.Engine.Kernels.MachineProbe;

namespace Stoker.Benchmarks.MatrixKernels;

/// <summary>
/// The matrix kernels alone. Without --resident: the four matrices of a Llama-3.2-1B layer from memory, all threads, each
/// row beside the machine's limits at that moment. With it: four panels that stay in the caches, one thread, the fastest of
/// many short runs, so that a tile's code can be judged on a busy machine too.
/// </summary>
internal static class KernelsBench
{
    private const int Runs = 5;

    private static readonly (int Rows, int Columns)[] Layer = [(3072, 2048), (2048, 2048), (16384, 2048), (2048, 8192)];

    private static readonly string[] Formats = [.. Enum.GetNames<WeightFormat>().Select(name => name.ToLowerInvariant())];

    public static void Run(string[] args)
    {
        var arguments = new Arguments(args, [], "--formats", "--tokens", "--threads", "--set", "--resident");
        var formats = arguments.Words("--formats", Formats).Select(name => Enum.Parse<WeightFormat>(name, ignoreCase: true));
        var start = Stopwatch.GetTimestamp();
        var kernels = KernelSets.Choose(arguments.Text("--set"));
        Console.WriteLine($"kernel set {kernels.Name}, made in {Spread.Digits(Stopwatch.GetElapsedTime(start).TotalMilliseconds)} ms (the runtime's compiling included)");
        if (arguments.Integer("--resident", absent: 0, least: 0, most: 1) == 1)
        {
            Resident(kernels, formats, arguments.Integers("--tokens", [1, 2, 4, 8], 1, 4096));
            return;
        }

        using var team = new ThreadTeam(arguments.Integer("--threads", absent: 0, least: 0, most: 1024));
        using var probe = new MachineProbe(team);
        FromMemory(kernels, team, probe, formats, arguments.Integers("--tokens", [1, 8, 16, 512], 1, 4096));
    }

    private static void FromMemory(
        KernelSet kernels, ThreadTeam team, MachineProbe probe, IEnumerable<WeightFormat> formats, int[] tokenCounts)
    {
        var table = new Table(
            ("format", 6), ("tokens", 6), ("GB/s", 22), ("limit", 6), ("share", 6), ("GFLOP/s", 22), ("limit", 6), ("share", 6), ("packing", 8));
        foreach (var format in formats)
        {
            // Two layers in turns: more bytes than the caches hold.
            using var first = new BenchLayer(kernels, team, format, Layer, tokenCounts.Max());
            using var second = new BenchLayer(kernels, team, format, Layer, tokenCounts.Max());
            foreach (var tokens in tokenCounts)
            {
                var (bytes, operations, reads, limits, packing) = (new List<double>(), new List<double>(), new List<double>(), new List<double>(), new List<double>());
                first.Run(tokens);
                second.Run(tokens);
                for (var run = 0; run < Runs; run++)
                {
                    reads.Add(probe.ReadBytesPerSecond());
                    limits.Add(Limit(probe, kernels, format));
                    var (seconds, packed) = (0.0, 0.0);
                    foreach (var layer in new[] { first, second, first, second })
                    {
                        var (total, ofPacking) = layer.Run(tokens);
                        (seconds, packed) = (seconds + total, packed + ofPacking);
                    }

                    bytes.Add(4 * first.SizeBytes / seconds);
                    operations.Add(4 * 2.0 * first.Weights * tokens / seconds);
                    packing.Add(packed / seconds);
                }

                var (read, limit) = (Spread.Of(reads).Median, Spread.Of(limits).Median);
                table.Row(
                    format.ToString(), $"{tokens}", Scaled(bytes), Spread.Digits(read / 1e9), Percent(Spread.Of(bytes).Median / read),
                    Scaled(operations), Spread.Digits(limit / 1e9), Percent(Spread.Of(operations).Median / limit), Percent(Spread.Of(packing).Median));
            }
        }
    }

    private static void Resident(KernelSet kernels, IEnumerable<WeightFormat> formats, int[] tokenCounts)
    {
        const int Rows = 4 * PanelLayout.Rows, Columns = 1024, Calls = 10, Repeats = 400;
        using var team = new ThreadTeam(1);
        using var probe = new MachineProbe(team, bufferBytes: 1 << 20);
        var table = new Table(("format", 6), ("tokens", 6), ("GB/s", 8), ("GFLOP/s", 8), ("limit", 8), ("share", 6), ("packing ns/value", 8));
        foreach (var format in formats)
        {
            using var panels = new SyntheticPanels(format, Rows, Columns, team);
            foreach (var tokens in tokenCounts)
            {
                var layer = new BenchLayer(kernels, team, [panels], tokens);
                var (best, packing, limit) = (double.PositiveInfinity, double.PositiveInfinity, 0.0);
                for (var repeat = 0; repeat < Repeats; repeat++)
                {
                    if (repeat % 20 == 0) limit = Math.Max(limit, Limit(probe, kernels, format));
                    best = Math.Min(best, layer.Multiply(tokens, Calls) / Calls);
                    packing = Math.Min(packing, layer.Pack(tokens));
                }

                var operations = 2.0 * Rows * Columns * tokens / best;
                table.Row(
                    format.ToString(), $"{tokens}", Spread.Digits(panels.Matrix.SizeBytes / best / 1e9), Spread.Digits(operations / 1e9),
                    Spread.Digits(limit / 1e9), Percent(operations / limit),
                    Spread.Digits(packing * 1e9 / tokens / Columns));
                layer.DisposeBuffers();
            }
        }
    }

    /// <summary>Operations a second of the instruction that a set's kernel for a format is made of.</summary>
    private static double Limit(MachineProbe probe, KernelSet kernels, WeightFormat format) => kernels.FormOf(format) switch
    {
        ActivationForm.Bf16 => probe.Bf16PerSecond() ?? double.NaN,
        ActivationForm.Int8Group128 or ActivationForm.Int8Group32 => probe.Int8PerSecond() ?? double.NaN,
        _ => probe.Float32PerSecond(),
    };

    private static string Scaled(List<double> values) => Spread.Of(values.Select(value => value / 1e9)).ToString();

    private static string Percent(double share) => $"{share * 100:F0} %";
}
