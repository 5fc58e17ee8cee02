using System.Globalization;
using Stoker.Benchmarks.Comparing;
using Stoker.Benchmarks.Measuring;
using Stoker.Benchmarks.RandomModels;

namespace Stoker.Benchmarks.Precisions;

/// <summary>
/// Memory and speed of each precision beside bf16's on the same weights: decode of one sequence and of eight, and a prompt of
/// 512 tokens, by the forward pass.
/// </summary>
/// <remarks>
/// Each precision is loaded in a process of its own, and in each round all have one turn, so that a machine that changes its
/// speed changes it for all. A ratio is the median over rounds of each round's own ratio.
/// </remarks>
internal sealed class PrecisionBench(Arguments arguments)
{
    /// <summary>The one that the others are held against; it is always measured.</summary>
    private const string Base = "bf16";

    private const int WarmUps = 2;
    private const int Prompt = 512;
    private const int Sequences = 8;

    private static readonly string[] Known = ["bf16", "int8", "fp8", "fp4"];

    /// <summary>Of decode x1 on the 1B shape, times bf16's.</summary>
    private static readonly Dictionary<string, double> Goals = new() { ["fp8"] = 1.6, ["fp4"] = 2.2 };

    private readonly int _rounds = arguments.Integer("--rounds", 5, 1, 100);
    private readonly int _steps = arguments.Integer("--steps", 24, 2, Workload.DecodeContext - Workload.DecodePrompt - 1);
    private readonly int _threads = arguments.Integer("--threads", Environment.ProcessorCount, 1, 512);
    private readonly string[] _precisions = [Base, .. arguments.Words("--precision", Known).Where(name => name != Base)];
    private readonly string? _kernelSet = arguments.Text("--kernel-set");

    public static void Run(string[] args)
    {
        var arguments = new Arguments(args, [], "--models", "--shapes", "--precision", "--rounds", "--steps", "--threads", "--kernel-set");
        var models = new ComparedModels(arguments.Required("--models"));
        var shapes = arguments.Text("--shapes") is null
            ? [RandomShape.Llama1B]
            : arguments.Words("--shapes", [.. RandomShape.All.Select(shape => shape.Name)]).Select(RandomShape.Find);
        var bench = new PrecisionBench(arguments);
        foreach (var shape in shapes) bench.Measure(shape, models.Folder(shape));
    }

    private void Measure(RandomShape shape, string folder)
    {
        var sides = new List<SideProcess>();
        try
        {
            foreach (var precision in _precisions) sides.Add(Start(folder, precision));
            Console.WriteLine($"{shape.Name}, {_rounds} rounds in turns; {sides[0].Description}");
            var one = InTurns(sides, side => side.Decode(1, _steps));
            var eight = InTurns(sides, side => side.Decode(Sequences, Math.Max(2, _steps / 2)));
            var prompt = InTurns(sides, side => side.Prefill(Prompt));
            var table = new Table(
                ("precision", 9), ("weights, GB", 11), ("decode x1, tokens/s", 24), ("times bf16", 20), ("goal", 6),
                ($"x{Sequences}, times bf16", 20), ($"prefill {Prompt}, times bf16", 20));
            for (var index = 0; index < sides.Count; index++)
            {
                var goal = shape == RandomShape.Llama1B && Goals.TryGetValue(_precisions[index], out var least) ? least : double.NaN;
                var ratio = Ratio(one, index);
                table.Row(
                    _precisions[index],
                    (sides[index].WeightBytes() / 1e9).ToString("F3", CultureInfo.InvariantCulture),
                    $"{Spread.Of(one[index])}",
                    $"{ratio}",
                    double.IsNaN(goal) ? "-" : string.Create(CultureInfo.InvariantCulture, $"{goal:F1}{(ratio.Median >= goal ? " met" : " NOT met")}"),
                    $"{Ratio(eight, index)}",
                    $"{Ratio(prompt, index)}");
            }
        }
        finally
        {
            foreach (var side in sides) side.Dispose();
        }
    }

    private SideProcess Start(string folder, string precision) => new(
    [
        "stoker", folder, "--precision", precision, "--threads", Text(_threads), "--prefill", Text(Prompt), "--sequences", Text(Sequences),
        .. _kernelSet is null ? [] : new[] { "--kernel-set", _kernelSet },
    ]);

    /// <summary>Rates by side and round.</summary>
    private List<double>[] InTurns(List<SideProcess> sides, Func<SideProcess, double> measure)
    {
        var rates = sides.Select(_ => new List<double>()).ToArray();
        for (var round = -WarmUps; round < _rounds; round++)
        {
            for (var side = 0; side < sides.Count; side++)
            {
                var rate = measure(sides[side]);
                if (round >= 0) rates[side].Add(rate);
            }
        }

        return rates;
    }

    /// <summary>Of each round's own rates; the first side is the base.</summary>
    private static Spread Ratio(List<double>[] rates, int side) => Spread.Of(rates[side].Zip(rates[0], (rate, of) => rate / of));

    private static string Text(int value) => value.ToString(CultureInfo.InvariantCulture);
}
