using System.Diagnostics;
using System.Globalization;
using Stoker.Benchmarks.Measuring;
using Stoker.Benchmarks.Serving;

namespace Stoker.Benchmarks.Waking;

/// <summary>
/// Deployments at zero that requests wake, behind a real server: one with story-3m from the request to the first token,
/// and several at once with simulated replicas, where only the gateway's own part counts.
/// </summary>
/// <remarks>
/// Ready is when the replica's model had answered, by the replica's own monotonic clock: before any process but the
/// replica knows of it. The gateway's part is from there to the first event at the client, less the time in which the
/// replica had the request: noticing it, writing the ledger, the routing table, the release, the connection, and passing on.
/// What the replica had it for is a column of its own: its server's code, its engine, and, where more processes want to run
/// than there are cores, their wait.
/// </remarks>
internal static class WakingBench
{
    private const int WarmUps = 1;
    private static readonly double[] Shares = [0.5, 0.95, 1];

    public static async Task RunAsync(string[] args)
    {
        var arguments = new Arguments(args, [], "--stoker", "--parts", "--rounds", "--crowd-rounds", "--crowds", "--boot-seconds");
        var program = ReplicaProcess.Program(arguments.Text("--stoker"));
        var parts = arguments.Words("--parts", ["real", "crowd"]);
        if (parts.Contains("real")) await RealAsync(program, arguments.Integer("--rounds", 9, 1, 1000));
        if (!parts.Contains("crowd")) return;
        var boot = arguments.Integer("--boot-seconds", 5, 0, 600);
        await CrowdAsync(program, arguments.Integers("--crowds", [1, 5, 25], 1, 100), arguments.Integer("--crowd-rounds", 8, 1, 1000), boot);
    }

    private static async Task RealAsync(string program, int rounds)
    {
        using var folder = new ServerFolder();
        using var server = await ServerProcess.StartAsync(program, folder, new Dictionary<string, string>(), url: null, ServerProcess.ToldOfReplicas);
        var waking = new Waking(server, folder, ["d0"]);
        await waking.CreateAsync(new { baseModel = "story-3m" });
        var samples = new List<WakeSample>();
        for (var round = -WarmUps; round < rounds; round++)
        {
            var sample = (await waking.RunAsync())[0];
            if (round >= 0) samples.Add(sample);
            else Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"story-3m, the first wake of a new server: {sample.Total:F0} ms to the first token"));
        }

        Console.WriteLine($"story-3m, {rounds} wakes, request to first token:");
        var table = new Table(("phase", 52), ("ms, median (min..max)", 24));
        Phase("request to the first comment", sample => sample.Comment);
        Phase("request to the start of the process (+-10)", sample => sample.Started);
        Phase("start of the process to ready", sample => sample.Booted);
        Phase("ready to seen by the server (ledger)", sample => sample.Seen);
        Phase("seen to the first token, less the next line", sample => sample.Gateway - sample.Seen);
        Phase("request at the replica to the head of its answer", sample => sample.Replica);
        Phase("  of that, its own time to first token", sample => sample.Computed);
        Phase("all", sample => sample.Total);

        void Phase(string name, Func<WakeSample, double> of) => table.Row(name, $"{Spread.Of(samples.Select(of))}");
    }

    private static async Task CrowdAsync(string program, int[] crowds, int rounds, int boot)
    {
        var most = crowds.Max();
        using var folder = new ServerFolder();
        using var server = await ServerProcess.StartAsync(program, folder, ServerProcess.Simulated(program, most, $"boot-seconds={boot}"), url: null, ServerProcess.ToldOfReplicas);
        await new Waking(server, folder, Names(most)).CreateAsync(new { baseModel = "story-3m" });
        Console.WriteLine($"""

            simulated replicas that boot {boot} s, {rounds} rounds; ms at p50 / p95 / max
            all after ready = replica ready (its clock) to first event at the client = gateway's part + replica has it
            gateway's part  = ready to the request's last byte on its way to the replica, and head of its answer at the gateway to first event at the client
            replica has it  = between the two: the replica's HTTP, cold at its first request, and its engine; and its wait for a core
            ready to seen   = of the gateway's part, to the ledger's stamp
            """);
        var table = new Table(
            ("at once", 7), ("requests", 8), ("gateway's part", 22), ("ready to seen", 22), ("replica has it", 22), ("all after ready", 22), ("ready within, s", 15));
        foreach (var count in crowds)
        {
            var waking = new Waking(server, folder, Names(count));
            var (samples, spread) = (new List<WakeSample>(), 0.0);
            for (var round = -WarmUps; round < rounds; round++)
            {
                var seen = await waking.RunAsync();
                if (round < 0) continue;
                samples.AddRange(seen);
                spread = Math.Max(spread, Milliseconds(seen.Min(sample => sample.Ready), seen.Max(sample => sample.Ready)) / 1000);
            }

            table.Row(
                Text(count), Text(samples.Count), Row(samples, sample => sample.Gateway), Row(samples, sample => sample.Seen),
                Row(samples, sample => sample.Replica), Row(samples, sample => sample.Answered), Spread.Digits(spread));
        }
    }

    private static string[] Names(int count) => [.. Enumerable.Range(0, count).Select(index => $"d{Text(index)}")];

    private static string Row(List<WakeSample> samples, Func<WakeSample, double> of) =>
        string.Join(" / ", Shares.Select(share => Spread.Digits(Spread.Percentile(samples.Select(of), share))));

    private static double Milliseconds(long from, long to) => Stopwatch.GetElapsedTime(from, to).TotalMilliseconds;

    private static string Text(int value) => value.ToString(CultureInfo.InvariantCulture);
}
