using System.Globalization;
using Stoker.Benchmarks.Measuring;

namespace Stoker.Benchmarks.Chaos;

/// <summary>What a run did and found.</summary>
internal sealed record ChaosReport(
    ChaosOptions Options, IReadOnlyDictionary<KillKind, int> Kills, int Acknowledged, int Unknown, int Refused, int Replicas, Findings Findings, LedgerAudit Ledger, TimeSpan Time)
{
    public void Print()
    {
        var table = new Table(("chaos", 44), ("count", 10));
        foreach (var kind in Enum.GetValues<KillKind>()) table.Row($"killed: {Words(kind)}", Text(Kills.GetValueOrDefault(kind)));
        table.Row("killed in all", Text(Kills.Values.Sum()));
        table.Row("changes acknowledged", Text(Acknowledged));
        table.Row("changes whose answer was lost", Text(Unknown));
        table.Row("changes refused", Text(Refused));
        table.Row("replicas that ran", Text(Replicas));
        table.Row("replicas in the ledger", Text(Ledger.Replicas));
        table.Row("orphans", Text(Findings.Count(Violation.Orphan)));
        table.Row("duplicates", Text(Findings.Count(Violation.Duplicate)));
        table.Row("lost desired states", Text(Findings.Count(Violation.Lost)));
        table.Row("contradictions of the ledger", Text(Findings.Count(Violation.Ledger)));
        table.Row("ledger: ready between two looks", Text(Ledger.Glimpsed));
        table.Row("ledger: replica seconds", Seconds(Ledger.Paid));
        table.Row("ledger: most missing of a replica, s", Seconds(Ledger.MostMissing));
        table.Row("ledger: most added to a replica, s", Seconds(Ledger.MostAdded));
        table.Row("ledger: error beyond the heartbeat bound, s", Seconds(Ledger.BeyondBound));
        table.Row("ledger: late proofs of life", Text(Ledger.Late));
        table.Row("wall time, s", Seconds(Time));
        foreach (var (kind, message) in Findings.All) Console.WriteLine($"{kind}: {message}");
    }

    private static string Words(KillKind kind) => kind switch
    {
        KillKind.Server => "server",
        KillKind.StartingServer => "server in its start",
        KillKind.StartingReplica => "replica in its start",
        KillKind.ReadyReplica => "ready replica",
        KillKind.DrainingReplica => "draining replica",
        _ => "replica while no server ran",
    };

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    private static string Seconds(TimeSpan time) => time.TotalSeconds.ToString("F2", CultureInfo.InvariantCulture);
}
