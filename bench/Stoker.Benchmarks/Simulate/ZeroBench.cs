using System.Globalization;
using Stoker.Benchmarks.Measuring;
using Stoker.Simulation.Fleet;
using Stoker.Simulation.Policies;
using Stoker.Simulation.Traces;

namespace Stoker.Benchmarks.Simulate;

/// <summary>
/// Scale to zero for the clients of a set that are silent most of the time, each with a deployment of its own of at most
/// one replica: the time that it runs against always on, and the requests held over a cold start of 60 s.
/// </summary>
internal static class ZeroBench
{
    /// <summary>Clients with traffic in less than a tenth of the windows.</summary>
    private const double SparseBelow = 0.1;

    /// <summary>Wide enough that nobody waits for anything but a cold start.</summary>
    private static readonly SimulationSetup Setup = new()
    {
        Replica = SimulationSetup.ReferenceReplica with { Slots = 65_536, PrefillsAtOnce = 65_536 },
        StartReplicas = 0,
        WarmUp = TimeSpan.Zero,
        Tick = TimeSpan.FromSeconds(10),
    };

    public static void Run(string set)
    {
        var table = TraceSource.OpenRates(set).Value;
        ClientRates[] clients = [.. table.Sparse(SparseBelow)];
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"\n{set}: {clients.Length} of {table.Clients.Count} clients are sparse, {table.Span.TotalDays:0} days"));
        var rows = new Table(("scale-to-zero window", 25), ("running", 9), ("held", 9), ("held, mean client", 18), ("wakes", 7), ("requests", 10));
        Trace[] traces = [.. clients.Select(client => ClientArrivals.Draw(table, client, TraceSource.LengthsOf(client.Client), seed: 1))];
        var hindsight = new ZeroHindsight(traces);
        foreach (var (name, make) in Policies())
        {
            var totals = Sum(traces, make);
            Row(rows, name, totals);
            Console.WriteLine($"{"known beforehand",-25}  {"",9}  {"",9}  {Share(hindsight.HeldAt(totals.Running)),18}");
        }

        Console.WriteLine($"{"first wakes alone",-25}  {"",9}  {"",9}  {Share(hindsight.FirstWakes),18}");
    }

    private static IEnumerable<(string Name, Func<IFleetPolicy> Make)> Policies()
    {
        foreach (var window in new[] { TimeSpan.FromMinutes(5), TimeSpan.FromMinutes(15), TimeSpan.FromHours(1), TimeSpan.FromHours(4) })
        {
            // With one replica at most the other windows have nothing to do, and short ones cost no time.
            var settings = new ScaledSettings(0, 1, new(TimeSpan.Zero, TimeSpan.Zero, window), new Dictionary<string, double>());
            yield return ($"{window:c}", () => new ServerPolicy(settings));
        }
    }

    private static Totals Sum(Trace[] traces, Func<IFleetPolicy> make)
    {
        var totals = new Totals[traces.Length];
        Parallel.For(0, traces.Length, index =>
        {
            var result = FleetSimulation.Run(traces[index], Setup, make());
            totals[index] = new(result.AlwaysOnShare, result.ColdRequests, result.Arrived, result.ColdShare, result.Wakes);
        });
        return totals.Aggregate((left, right) => left.Plus(right)).Over(traces.Length);
    }

    private static void Row(Table rows, string name, Totals totals) => rows.Row(
        name,
        Share(totals.Running),
        Share((double)totals.Held / totals.Requests),
        Share(totals.HeldShare),
        totals.Wakes.ToString(CultureInfo.InvariantCulture),
        totals.Requests.ToString(CultureInfo.InvariantCulture));

    private static string Share(double share) => (100 * share).ToString("0.00", CultureInfo.InvariantCulture) + " %";

    /// <param name="Running">Share of the time, the clients' mean in the end.</param>
    /// <param name="HeldShare">Of each client's requests, the clients' mean in the end.</param>
    private readonly record struct Totals(double Running, long Held, long Requests, double HeldShare, int Wakes)
    {
        public Totals Plus(Totals other) => new(
            Running + other.Running, Held + other.Held, Requests + other.Requests, HeldShare + other.HeldShare, Wakes + other.Wakes);

        public Totals Over(int count) => this with { Running = Running / count, HeldShare = HeldShare / count };
    }
}
