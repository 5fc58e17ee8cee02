using System.Diagnostics;
using Stoker.Benchmarks.Measuring;
using Stoker.Engine.Kernels;
using Stoker.Engine.KvCache;
using Stoker.Engine.Models;

namespace Stoker.Benchmarks.Attending;

/// <summary>
/// Attention alone in the shape of Llama-3.2-1B, all 16 layers: prefill from nothing in steps of 256 rows, and steps of
/// decode at a context. Beside it what the machine allows at that moment.
/// </summary>
internal sealed class AttentionBench : IDisposable
{
    private const int Layers = 16, Heads = 32, KvHeads = 8, HeadDim = 64;
    private const int Width = Heads * HeadDim, KvWidth = KvHeads * HeadDim;
    private const int StepRows = 256; // as the scheduler cuts a prompt
    private const int WarmUps = 2;

    private static readonly (string Name, int Sequences, int Context, bool Prefill)[] Cases =
    [
        ("prefill 512", 1, 512, true),
        ("prefill 2048", 1, 2048, true),
        ("decode x1 at 2048", 1, 2048, false),
        ("decode x1 at 8192", 1, 8192, false),
        ("decode x8 at 2048", 8, 2048, false),
    ];

    private readonly ThreadTeam _team;
    private readonly PagedAttention _attention;
    private readonly KvWriter _writer;
    private readonly KvStore _kv;
    private readonly int[][] _tables;
    private readonly float[] _queries = Noise(StepRows * Width), _keys = Noise(StepRows * KvWidth), _attended = new float[StepRows * Width];
    private readonly StepBatch _batch = new(StepRows, 8);

    private AttentionBench(KernelSet kernels, int threads, KvFormat format, int sequences, int context)
    {
        _team = new ThreadTeam(threads);
        _attention = new PagedAttention(kernels, _team, Heads, KvHeads, HeadDim, context, StepRows);
        _writer = new KvWriter(_team, StepRows);
        var blocks = context / KvStore.BlockSize;
        _kv = new KvStore(new ModelShape(Layers, Width, Heads, KvHeads, HeadDim, 1, context), sequences * blocks, format);
        _tables = [.. Enumerable.Range(0, sequences).Select(sequence => Enumerable.Range(sequence * blocks, blocks).ToArray())];
    }

    public static void Run(string[] args)
    {
        var arguments = new Arguments(args, [], "--threads", "--kernel-set", "--kv", "--runs", "--cases");
        var threads = arguments.Integer("--threads", Environment.ProcessorCount, 1, 512);
        var kernels = KernelSets.Choose(arguments.Text("--kernel-set"));
        var runs = arguments.Integer("--runs", 5, 1, 1000);
        var formats = arguments.Words("--kv", ["bf16", "f32", "fp8"]);
        var cases = arguments.Words("--cases", [.. Cases.Select(item => item.Name)]);
        using var limits = new Limits(threads, arguments.Text("--kernel-set"));
        Console.WriteLine($"Attention of Llama-3.2-1B, kernel set {kernels.Name}, {threads} threads, {runs} runs: median (least..most)");
        var table = new Table(
            ("case", 24), ("ms", 24), ("GFLOP/s", 10), ("of f32 probe", 12), ("GB/s of keys, values", 20), ("of read probe", 13));
        foreach (var format in formats)
        {
            foreach (var (name, sequences, context, prefill) in Cases.Where(item => cases.Contains(item.Name)))
            {
                using var bench = new AttentionBench(kernels, threads, Enum.Parse<KvFormat>(format, ignoreCase: true), sequences, context);
                bench.Measure($"{format} {name}", prefill, context, runs, limits, table);
            }
        }
    }

    public void Dispose()
    {
        _attention.Dispose();
        _kv.Dispose();
        _team.Dispose();
    }

    private void Measure(string name, bool prefill, int context, int runs, Limits limits, Table table)
    {
        Prefill(context); // fills the cache for decode, and compiles
        var times = new List<double>();
        for (var run = -WarmUps; run < runs; run++)
        {
            var start = Stopwatch.GetTimestamp();
            if (prefill) Prefill(context, first: 1);
            else Decode(context);
            if (run >= 0) times.Add(Stopwatch.GetElapsedTime(start).TotalSeconds);
        }

        var spread = Spread.Of(times);
        var keys = prefill ? context * (context + 1.0) / 2 : (double)_tables.Length * context;
        var operations = keys * 4 * Width * Layers;
        var bytes = (double)_tables.Length * context * _kv.Shape.KvBytesPerToken(_kv.Format);
        table.Row(
            name,
            Spread.Of(times.Select(time => time * 1e3)).ToString(),
            Spread.Digits(operations / spread.Median / 1e9),
            Spread.Digits(operations / spread.Median / limits.FloatOperations()),
            prefill ? "-" : Spread.Digits(bytes / spread.Median / 1e9),
            prefill ? "-" : Spread.Digits(bytes / spread.Median / limits.Reading()));
    }

    /// <param name="first">Sequences that are computed.</param>
    private void Prefill(int context, int first = int.MaxValue)
    {
        foreach (var blocks in _tables.Take(first))
        {
            for (var done = 0; done < context; done += StepRows)
            {
                _batch.Clear();
                _batch.Add(new int[StepRows], done, blocks, LogitRows.None);
                Step();
            }
        }
    }

    private void Decode(int context)
    {
        _batch.Clear();
        foreach (var blocks in _tables) _batch.Add([0], context - 1, blocks, LogitRows.None);
        Step();
    }

    private void Step()
    {
        for (var layer = 0; layer < Layers; layer++)
        {
            _writer.Write(_batch, _kv, layer, _keys, _keys);
            _attention.Run(_batch, _kv, layer, 0, new AttentionScale(0.125f, 0), _queries, Width, _attended);
        }
    }

    private static float[] Noise(int count)
    {
        var random = new Random(1);
        return [.. Enumerable.Range(0, count).Select(_ => (random.NextSingle() * 2) - 1)];
    }
}
