using System.Globalization;
using Stoker.ControlPlane.Metering;
using Stoker.ControlPlane.Storage;

namespace Stoker.Benchmarks.Chaos;

/// <summary>What the ledger says against what was seen from outside.</summary>
/// <param name="MostMissing">Of one replica: the seconds that it was ready for its server and are not paid for.</param>
/// <param name="MostAdded">Of one replica: the seconds that are paid for while it was not ready or gone.</param>
/// <param name="BeyondBound">Of all replicas together: what is more than the heartbeat allows for each.</param>
/// <param name="Late">Proofs of life that came later than the heartbeat, which no kill hit.</param>
/// <param name="Glimpsed">Replicas that are paid for and were ready between two looks alone, by their own log.</param>
internal sealed record LedgerAudit(int Replicas, TimeSpan Paid, TimeSpan MostMissing, TimeSpan MostAdded, TimeSpan BeyondBound, int Late, int Glimpsed)
{
    /// <param name="lives">All replicas that were seen; none lives any more.</param>
    /// <param name="periods">When servers listened.</param>
    public static LedgerAudit Of(LedgerReading ledger, IReadOnlyCollection<ReplicaLife> lives, IReadOnlyList<ServerPeriod> periods, Findings findings)
    {
        var problems = LedgerCheck.Verify(ledger);
        foreach (var problem in problems.Where(problem => !problem.IsLate)) findings.Add(Violation.Ledger, $"{problem.Replica}: {problem.Message}");

        var paid = ledger.Events.GroupBy(written => written.Replica.ToString())
            .ToDictionary(life => life.Key, life => (From: life.First().At.Ticks, To: life.Last().At.Ticks, life.Last().Kind));
        foreach (var (id, interval) in paid)
        {
            if (interval.Kind != LedgerEventKind.Ended) findings.Add(Violation.Ledger, $"{id} is gone, and its interval is open");
            if (Beginning(lives.FirstOrDefault(life => life.Id == id), interval.From) is { } wrong) findings.Add(Violation.Ledger, $"{id} is paid for, and {wrong}");
        }

        var (mostMissing, mostAdded, beyond) = (0L, 0L, 0L);
        foreach (var life in lives)
        {
            var (missing, added) = paid.TryGetValue(life.Id, out var interval)
                ? (Missing(life, interval.From, interval.To, periods), Added(life, interval.From, interval.To))
                : (Unpaid(life, periods), 0);
            (mostMissing, mostAdded) = (Math.Max(mostMissing, missing), Math.Max(mostAdded, added));
            var error = Math.Max(missing, added) - LedgerRule.Heartbeat.Ticks;
            if (error <= 0) continue;
            beyond += error;
            findings.Add(Violation.Ledger, string.Create(
                CultureInfo.InvariantCulture, $"{life.Id}, seen ready for {Seconds(life.AliveAt - (life.ReadyAt ?? life.AliveAt)):F1} s and paid for {Seconds(interval.To - interval.From):F1} s: {Seconds(missing):F1} s are missing and {Seconds(added):F1} s are too many, the bound is {LedgerRule.Heartbeat.TotalSeconds:F0} s"));
        }

        return new(
            paid.Count, new(ReplicaInterval.From(ledger).Sum(interval => interval.Length.Ticks)), new(mostMissing), new(mostAdded), new(beyond),
            problems.Count(problem => problem.IsLate), lives.Count(life => paid.ContainsKey(life.Id) && life is { ReadyAt: null, WroteReady: true }));
    }

    /// <summary>
    /// What is wrong with an interval's beginning; null for nothing. It follows the replica's own word that it is ready, so
    /// that no look at it comes too late: whoever asks after a beginning hears nothing else than ready.
    /// </summary>
    private static string? Beginning(ReplicaLife? life, long from) => life switch
    {
        null => "nobody saw it at all",
        { NotReadyAt: { } notReady } when notReady > from => string.Create(CultureInfo.InvariantCulture, $"it was not ready {Seconds(notReady - from):F3} s later"),
        { ReadyAt: null, WroteReady: false } => string.Create(
            CultureInfo.InvariantCulture,
            $"nobody saw it ready, nor did it write that it was: it was not {Seconds(from - (life.NotReadyAt ?? from)):F3} s before, and was gone {Seconds((life.GoneAt ?? from) - from):F3} s after"),
        _ => null,
    };

    /// <summary>
    /// Ready, known to the server that wrote its beginning, and not paid for yet; and the same at its end. Before a server
    /// looks, no request can reach it.
    /// </summary>
    private static long Missing(ReplicaLife life, long from, long to, IReadOnlyList<ServerPeriod> periods)
    {
        var written = periods.LastOrDefault(period => period.From <= from);
        var begin = life.ReadyAt is { } ready ? Math.Max(ready, written?.From ?? from) : from;
        return Math.Max(0, from - begin) + Math.Max(0, life.AliveAt - to);
    }

    private static long Added(ReplicaLife life, long from, long to) =>
        Math.Max(0, (life.NotReadyAt ?? from) - from) + Math.Max(0, to - (life.GoneAt ?? to));

    /// <summary>The longest that one server had it ready without a word in the ledger.</summary>
    private static long Unpaid(ReplicaLife life, IReadOnlyList<ServerPeriod> periods) => life.ReadyAt is not { } ready
        ? 0
        : periods.Select(period => Math.Min(period.To, life.AliveAt) - Math.Max(period.From, ready)).Append(0).Max();

    private static double Seconds(long ticks) => new TimeSpan(ticks).TotalSeconds;
}
