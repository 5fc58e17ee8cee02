using System.Globalization;
using Stoker.Benchmarks.Measuring;
using Stoker.Benchmarks.Simulate;
using Stoker.Simulation.Comparing;
using Stoker.Simulation.Fleet;
using Stoker.Simulation.Policies;
using Stoker.Simulation.Traces;

namespace Stoker.Benchmarks.Routing;

/// <summary>
/// Policies side by side on the traces that say what their prompts share: 8 replicas, each with a cache of so many blocks of 512 tokens,
/// serial prefill at 20,000 tokens a second, 20 ms a generated token, no bound on what one replica runs at once.
/// </summary>
internal static class RouterQuality
{
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    private static readonly (string Trace, int Blocks)[] Setups =
        [("mooncake-conversation", 6000), ("mooncake-conversation", 1500), ("mooncake-synthetic", 6000)];

    private static readonly (string Name, RouterSetup Router)[] Routers =
    [
        ("fewest requests", new() { Kind = RouterKind.FewestRequests }),
        ("least load", new() { Kind = RouterKind.LeastLoad }),
        ("best match only", new() { Kind = RouterKind.BestMatch }),
        ("best match only, knows contents", new() { Kind = RouterKind.BestMatch, KnowsContents = true }),
        ("ours", new()),
        ("ours, load 1 s old", new() { NewsAge = Second }),
        ("ours, knows contents", new() { KnowsContents = true }),
    ];

    public static void Policies()
    {
        foreach (var (name, blocks) in Setups)
        {
            var trace = Open(name);
            var bound = EndlessCache.ShareOf(trace);
            Console.WriteLine($"\n{name}, caches of {Text(blocks, "N0")} blocks; one endless cache would save {Text(bound, "0.000")}");
            var table = Heading("policy");
            foreach (var (policy, router) in Routers) Row(table, policy, Run(trace, blocks, router), bound);
        }
    }

    /// <summary>The gateway's own choice against the least load, both with news of the load that are 1 s old, from a fifth of the load to what is more than can be computed.</summary>
    public static void Loads()
    {
        foreach (var name in new[] { "mooncake-conversation", "mooncake-synthetic" })
        {
            Console.WriteLine($"\n{name}, caches of 6,000 blocks, in less time and in more; news of the load are 1 s old");
            var (whole, bound) = (Open(name), EndlessCache.ShareOf(Open(name)));
            var table = Heading("load, policy");
            foreach (var factor in new[] { 0.2, 0.5, 1, 1.5, 2, 2.5, 3, 4 })
            {
                var trace = whole.Faster(factor);
                Row(table, $"x {Text(factor, "0.0")}, least load", Run(trace, 6000, new() { Kind = RouterKind.LeastLoad, NewsAge = Second }), bound);
                Row(table, $"x {Text(factor, "0.0")}, ours", Run(trace, 6000, new() { NewsAge = Second }), bound);
            }
        }
    }

    /// <summary>Replicas that run few at once: who finds no place is held, and refused where a hundred are.</summary>
    public static void Places()
    {
        const int Most = 100, Seeds = 10; // under full load one request more or less changes all that follow
        Console.WriteLine($"\nso many requests a replica at once, {Most} held, in less time, each request up to 1 s later, means of {Seeds} seeds; news of the load are 1 s old");
        var table = new Table(("trace, load, at once, policy", 52), ("refused", 8), ("of 10 seeds", 12), ("longest wait", 12), ("hit rate", 8), ("first token mean", 16));
        foreach (var (name, factor, slots) in new[] { ("mooncake-conversation", 2.0, 8), ("mooncake-conversation", 3, 8), ("mooncake-conversation", 4, 16), ("mooncake-conversation", 5, 16), ("mooncake-synthetic", 1.5, 4), ("mooncake-synthetic", 2, 4), ("mooncake-synthetic", 3, 8) })
        {
            foreach (var (policy, kind) in new[] { ("fewest requests", RouterKind.FewestRequests), ("least load", RouterKind.LeastLoad), ("ours", RouterKind.Gateway) })
            {
                var setup = SimulateBench.CachedSetup(6000);
                var results = new SimulationResult[Seeds];
                Parallel.For(0, Seeds, seed => results[seed] = FleetSimulation.Run(
                    Open(name).Faster(factor).Copied(1, Second, (ulong)seed),
                    setup with { Replica = setup.Replica with { Slots = slots }, HoldMost = Most, Router = new() { Kind = kind, NewsAge = Second } },
                    new ConstantFleet(8)));
                table.Row(
                    $"{name}, x {Text(factor, "0.0")}, {slots}, {policy}",
                    Text(results.Average(result => result.Refused), "0"),
                    $"{results.Min(result => result.Refused)}..{results.Max(result => result.Refused)}",
                    Text(results.Average(result => result.Wait.Longest.TotalSeconds), "0.0") + " s",
                    Text(results.Average(result => result.CachedShare), "0.000"),
                    Text(results.Average(result => result.FirstToken.Mean.TotalSeconds), "0.000") + " s");
            }
        }
    }

    private static Table Heading(string first) => new((first, 34), ("hit rate", 8), ("of the bound", 12), ("first token mean", 16), ("p99", 9), ("longest", 9));

    private static void Row(Table table, string name, SimulationResult result, double bound) => table.Row(
        name,
        Text(result.CachedShare, "0.000"),
        Text(100 * result.CachedShare / bound, "0.0") + " %",
        Text(result.FirstToken.Mean.TotalSeconds, "0.000") + " s",
        Text(result.FirstToken.P99.TotalSeconds, "0.00") + " s",
        Text(result.FirstToken.Longest.TotalSeconds, "0.0") + " s");

    private static SimulationResult Run(Trace trace, int blocks, RouterSetup router) =>
        FleetSimulation.Run(trace, SimulateBench.CachedSetup(blocks) with { Router = router }, new ConstantFleet(8));

    private static Trace Open(string name) => TraceSource.Open(name, client: null, seed: 1).Value;

    private static string Text(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);
}
