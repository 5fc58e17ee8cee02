using System.Globalization;
using Stoker.Benchmarks.Comparing;
using Stoker.Benchmarks.Measuring;
using Stoker.Engine;

namespace Stoker.Benchmarks.Soak;

/// <summary>
/// Minutes of random requests against one engine whose KV cache is far too small for them: preemptions, cancellations in
/// every state, readers that stop reading. Memory must not grow, and in the end nothing may be held.
/// </summary>
internal sealed class SoakBench
{
    private const int Context = 512;
    private const int Contexts = 4; // that the KV cache holds, for six times as many clients

    private readonly InferenceEngine _engine;
    private readonly SoakTraffic _traffic;
    private readonly int _minutes;
    private readonly int _clients;

    private SoakBench(InferenceEngine engine, int seed, int minutes, int clients)
    {
        (_engine, _minutes, _clients) = (engine, minutes, clients);
        _traffic = new(engine, seed, Context);
    }

    public static async Task RunAsync(string[] args)
    {
        var arguments = new Arguments(args, [], "--model", "--minutes", "--clients", "--threads", "--seed", "--precision", "--kernel-set");
        var folder = arguments.Text("--model") ?? Path.Combine(AppContext.BaseDirectory, "models", "story-3m");
        var clients = arguments.Integer("--clients", 24, 1, 1000);
        var seed = arguments.Integer("--seed", 1, 0, int.MaxValue);
        var options = EngineSetup.Options(
            EngineSetup.Precision(arguments), arguments.Integer("--threads", Environment.ProcessorCount, 1, 512), arguments.Text("--kernel-set")) with
        {
            ContextLength = Context,
            MaxUnreadEvents = 64,
        };
        await using var engine = InferenceEngine.Open(folder, options with { MemoryBudgetBytes = await BudgetAsync(folder, options) });
        Console.WriteLine($"{Path.GetFileName(folder)}, seed {seed}, {clients} clients, {engine.Memory.KvBlocks} KV blocks");
        await new SoakBench(engine, seed, arguments.Integer("--minutes", 10, 1, 100_000), clients).RunAsync();
    }

    /// <summary>What an engine with an ample cache takes, less all but a few contexts of it.</summary>
    private static async Task<long> BudgetAsync(string folder, EngineOptions options)
    {
        await using var ample = InferenceEngine.Open(folder, options with { MaxSequences = Contexts });
        await using var full = InferenceEngine.Open(folder, options);
        return full.Memory.WeightBytes + full.Memory.StepBytes + ample.Memory.KvBytes;
    }

    private async Task RunAsync()
    {
        using var end = new CancellationTokenSource();
        var clients = Enumerable.Range(0, _clients).Select(client => _traffic.ClientAsync(client, end.Token)).ToArray();
        var table = new Table(("minute", 6), ("RSS, MB", 9), ("requests", 9), ("tokens", 11), ("cancelled", 9), ("preempted", 9), ("KV used", 7));
        var resident = new List<double>();
        using (var timer = new PeriodicTimer(TimeSpan.FromMinutes(1)))
        {
            while (resident.Count < _minutes && await timer.WaitForNextTickAsync(CancellationToken.None))
            {
                resident.Add(ResidentMegabytes());
                Row(table, resident);
            }
        }

        await end.CancelAsync();
        await Task.WhenAll(clients); // each waits until its request's memory is free
        Report(resident);
    }

    private void Row(Table table, List<double> resident)
    {
        var now = _engine.Statistics;
        table.Row(
            Text(resident.Count), Spread.Digits(resident[^1]), Text(_traffic.Requests), Text(now.GeneratedTokens),
            Text(now.Finished.GetValueOrDefault(FinishReason.Cancelled)), Text(now.Preemptions), Text(now.KvBlocksUsed));
    }

    /// <exception cref="BenchFailedException">Something is held, an answer was wrong, or nothing was put under stress.</exception>
    private void Report(List<double> resident)
    {
        var now = _engine.Statistics;
        Console.WriteLine($"at the end: running {now.Running}, waiting {now.Waiting}, KV blocks used {now.KvBlocksUsed}, watchdog trips {now.WatchdogTrips}, errors {_traffic.Errors}");
        if (resident.Count >= 2)
        {
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"RSS at minute {resident.Count} / minute 2: {resident[^1] / resident[1]:F3}"));
        }

        if (now is not { Running: 0, Waiting: 0, KvBlocksUsed: 0, WatchdogTrips: 0 } || _traffic.Errors > 0)
        {
            throw new BenchFailedException("The engine holds something that nobody asked for any more, or failed a request.");
        }
        if (now.Preemptions == 0) throw new BenchFailedException("Nothing was preempted: the KV cache is too large for this traffic.");
    }

    private static double ResidentMegabytes()
    {
        var pages = long.Parse(File.ReadAllText("/proc/self/statm").Split(' ')[1], CultureInfo.InvariantCulture);
        return pages * Environment.SystemPageSize / 1e6;
    }

    private static string Text(long value) => value.ToString(CultureInfo.InvariantCulture);
}
