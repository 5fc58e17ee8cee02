using System.Diagnostics;
using System.Globalization;
using Stoker.Benchmarks.Cold;
using Stoker.Benchmarks.Comparing;
using Stoker.Benchmarks.Measuring;
using Stoker.Benchmarks.RandomModels;
using Stoker.Engine;

namespace Stoker.Benchmarks.Addons;

/// <summary>
/// What addons cost: a batch whose sequences have different ones against the same batch of the base alone, in turns, and the
/// time from a folder in the page cache to an addon that requests can name.
/// </summary>
internal sealed class AddonsBench(Arguments arguments)
{
    private const int Sequences = 32, Addons = 16, Rank = 16;
    private const int Rounds = 5, Steps = 8, SingleSteps = 24;
    private const int Chunk = Sequences * Workload.DecodePrompt; // rows of the one prefill step
    private const int Context = 640; // all rounds of all rows, with room

    private readonly int _threads = arguments.Integer("--threads", Environment.ProcessorCount, 1, 512);
    private readonly string _precision = EngineSetup.Precision(arguments) is "auto" ? "bf16" : EngineSetup.Precision(arguments);
    private readonly string? _kernelSet = arguments.Text("--kernel-set");

    public static async Task RunAsync(string[] args)
    {
        var arguments = new Arguments(args, [], "--models", "--shapes", "--precision", "--threads", "--kernel-set", "--parts", "--count", "--stoker");
        var parts = arguments.Words("--parts", ["batch", "many"]);
        if (parts.Contains("many")) await ManyAddonsBench.RunAsync(arguments);
        if (!parts.Contains("batch")) return;
        var root = arguments.Required("--models");
        var shapes = arguments.Text("--shapes") is null
            ? [RandomShape.Llama1B, RandomShape.Qwen05B]
            : arguments.Words("--shapes", [.. RandomShape.All.Select(shape => shape.Name)]).Select(RandomShape.Find);
        var bench = new AddonsBench(arguments);
        foreach (var shape in shapes)
        {
            var folder = new ComparedModels(root).Folder(shape);
            var addons = RandomAddons.Folders(root, shape, Addons, Rank);
            // A thread of its own: the model may bind it to a core, and later threads would inherit that.
            await Task.Factory.StartNew(
                () => bench.Throughput(shape, folder, addons), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
            await bench.HotLoadAsync(folder, addons);
        }
    }

    private void Throughput(RandomShape shape, string folder, string[] addons)
    {
        using var model = new ForwardModel(folder, _precision, _threads, _kernelSet, Chunk, Sequences, Context, addons);
        Console.WriteLine($"\n{shape.Name}; {model.Description}; addons of rank {Rank} in all seven projections");
        var work = new Workload(model.VocabularySize);
        var prompts = Enumerable.Range(0, Sequences).Select(_ => work.Tokens(Workload.DecodePrompt)).ToArray();
        int[] mixed = [.. Enumerable.Range(0, Sequences).Select(sequence => sequence % Addons)];
        model.Step(prompts);
        int[]?[] many = [null, mixed, new int[Sequences]];
        int[]?[] single = [null, [0]];
        var table = new Table(("tokens/s", 34), ("median (min..max)", 22), ("of the base", 11));
        Rows(table, ["base x32", $"{Addons} addons x32", "one addon x32"], Measure(many, variant => Decode(model, work, Sequences, Steps, variant)));
        Rows(table, ["base x1", "addon x1"], Measure(single, variant => Decode(model, work, 1, SingleSteps, variant)));
        Rows(table, [$"prefill of {Chunk}: base", $"prefill of {Chunk}: {Addons} addons"], Measure([null, mixed], variant => Prefill(model, prompts, variant)));
    }

    /// <summary>In turns; the first round is not counted.</summary>
    private static List<double>[] Measure(int[]?[] variants, Func<int[]?, double> measure)
    {
        var seen = variants.Select(_ => new List<double>()).ToArray();
        for (var round = -1; round < Rounds; round++)
        {
            for (var variant = 0; variant < variants.Length; variant++)
            {
                var rate = measure(variants[variant]);
                if (round >= 0) seen[variant].Add(rate);
            }
        }

        return seen;
    }

    private static void Rows(Table table, string[] names, List<double>[] seen)
    {
        for (var row = 0; row < names.Length; row++)
        {
            var share = Spread.Of(seen[row].Zip(seen[0], (rate, alone) => rate / alone)).Median;
            table.Row(names[row], $"{Spread.Of(seen[row])}", share.ToString("F2", CultureInfo.InvariantCulture));
        }
    }

    private static double Decode(ForwardModel model, Workload work, int sequences, int steps, int[]? addons)
    {
        var tokens = work.Tokens(sequences);
        var start = Stopwatch.GetTimestamp();
        for (var step = 0; step < steps; step++)
        {
            var logits = model.Step(tokens, addons);
            for (var row = 0; row < sequences; row++) tokens[row] = Workload.ArgMax(logits.Slice(row * model.VocabularySize, model.VocabularySize));
        }

        return sequences * steps / Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    private static double Prefill(ForwardModel model, int[][] prompts, int[]? addons)
    {
        model.Clear();
        var start = Stopwatch.GetTimestamp();
        Workload.ArgMax(model.Step(prompts, addons));
        return Chunk / Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    private async Task HotLoadAsync(string folder, string[] addons)
    {
        await using var engine = InferenceEngine.Open(folder, new()
        {
            Threads = _threads,
            Precision = EngineSetup.Parse(_precision),
            KernelSet = _kernelSet,
            MaxSequences = 1,
            ContextLength = 256,
            Addons = new() { MaxLoaded = addons.Length },
        });
        var (seen, bytes) = (new List<double>(), 0L);
        for (var round = -1; round < Rounds; round++)
        {
            foreach (var addon in addons.Take(3))
            {
                PageCache.Warm(addon);
                var start = Stopwatch.GetTimestamp();
                var loaded = await engine.LoadAddonAsync(addon);
                if (round >= 0) seen.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
                bytes = loaded.Bytes;
                engine.UnloadAddon(loaded.Digest);
            }
        }

        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"hot load of {bytes / 1e6:F1} MB from the page cache, ms: {Spread.Of(seen)}"));
    }
}
