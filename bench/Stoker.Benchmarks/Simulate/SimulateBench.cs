using System.Globalization;
using Stoker.Benchmarks.Measuring;
using Stoker.Simulation.Comparing;
using Stoker.Simulation.Fleet;
using Stoker.Simulation.Policies;
using Stoker.Simulation.Traces;
using Stopwatch = System.Diagnostics.Stopwatch;

namespace Stoker.Benchmarks.Simulate;

/// <summary>
/// The simulator's figures: policies on the Azure traces, scale to zero on the ServeGen sets, and how fast it runs. The router's are
/// those of the routing bench.
/// </summary>
internal static class SimulateBench
{
    private static readonly TimeSpan Jitter = TimeSpan.FromSeconds(2);

    public static void Run(string[] args)
    {
        var arguments = new Arguments(args, [], "--parts", "--seeds");
        var seeds = arguments.Integer("--seeds", 3, 1, 100);
        foreach (var part in arguments.Words("--parts", ["reference", "zero", "speed"]))
        {
            switch (part)
            {
                case "reference":
                    Reference("azure-conv", copies: 5, seeds);
                    Reference("azure-code", copies: 20, seeds);
                    break;
                case "zero":
                    ZeroBench.Run("servegen-deepseek-r1");
                    ZeroBench.Run("servegen-m-large");
                    break;
                case "speed":
                    Speed();
                    break;
            }
        }
    }

    /// <summary>16 slots, 60 s to ready, a tick of 2 s, warm at the mean need, the first 300 s not counted.</summary>
    private static void Reference(string name, int copies, int seeds)
    {
        Console.WriteLine($"\n{name}, each request {copies} times with up to 2 s of jitter");
        var trace = Open(name);
        var table = new Table(("policy", 32), ("seed", 4), ("waits > 2 s", 11), ("longest", 8), ("replica-hours", 13), ("turns", 5), ("peak", 4));
        foreach (var (policy, make) in Policies())
        {
            for (var seed = 1; seed <= seeds; seed++)
            {
                Row(table, policy, seed, FleetSimulation.Run(trace.Copied(copies, Jitter, (ulong)seed), new(), make()));
            }
        }

        for (var seed = 1; seed <= seeds; seed++)
        {
            var (count, result) = HindsightFleet.Find(trace.Copied(copies, Jitter, (ulong)seed), new());
            Row(table, $"constant, in hindsight: {count}", seed, result);
        }
    }

    private static IEnumerable<(string Name, Func<IFleetPolicy> Make)> Policies()
    {
        const int Most = 400;
        foreach (var settings in new[] { Windows(0.8), Windows(1), Windows(1).UnderAuto(), Windows(0.8).UnderAuto(), Windows(0.7).UnderAuto() })
        {
            yield return (PolicyComparison.Describe(settings), () => new ServerPolicy(settings));
        }

        yield return ("as Knative, at 70 %", () => new KnativePolicy(1, Most));

        static ScaledSettings Windows(double share) =>
            new(1, Most, Stoker.ControlPlane.Autoscaling.ScalingPolicy.Default, new Dictionary<string, double> { ["default"] = share });
    }

    private static void Row(Table table, string policy, int seed, SimulationResult result) => table.Row(
        policy,
        Text(seed, "0"),
        Text(100 * result.LongWaitShare, "0.000") + " %",
        Text(result.Wait.Longest.TotalSeconds, "0.0") + " s",
        Text(result.ReplicaHours, "0.00"),
        Text(result.Turns, "0"),
        Text(result.PeakReplicas, "0"));

    private static void Speed()
    {
        const int Runs = 5;
        var (trace, times) = (Open("mooncake-conversation"), new List<double>());
        for (var run = 0; run <= Runs; run++)
        {
            var begin = Stopwatch.GetTimestamp();
            FleetSimulation.Run(trace, CachedSetup(6000), new ConstantFleet(8));
            if (run > 0) times.Add(trace.Span / Stopwatch.GetElapsedTime(begin)); // the first one compiles
        }

        Console.WriteLine($"\nmooncake-conversation, 8 replicas with prefix caches, one thread: {Spread.Of(times)} x real time");
    }

    /// <summary>
    /// Serial prefill at 20,000 tokens a second, 20 ms a generated token, caches of so many blocks of 512 tokens; no bound on what one
    /// replica runs at once.
    /// </summary>
    internal static SimulationSetup CachedSetup(int blocks) => new()
    {
        Replica = SimulationSetup.ReferenceReplica with
        {
            Slots = 65_536,
            PrefillsAtOnce = 1,
            RequestOverhead = TimeSpan.Zero,
            PrefillTokensPerSecond = 20_000,
            DecodeTokensPerSecond = 50,
            PrefixCacheTokens = blocks * 512,
        },
        WarmUp = TimeSpan.Zero,
    };

    private static Trace Open(string name) => TraceSource.Open(name, client: null, seed: 1).Value;

    private static string Text(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);
}
