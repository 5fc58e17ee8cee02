using System.Globalization;
using Stoker.ControlPlane.Resources;
using Stoker.ControlPlane.Runtimes;
using Stoker.ControlPlane.Storage;

namespace Stoker.ControlPlane.Metering;

/// <summary>Something in the ledger that cannot be, or a bound that was not kept.</summary>
/// <param name="IsLate">
/// Proofs of life came later than the heartbeat: the seconds are right, but a crash in between would have lost more than
/// the bound. A server that was suspended, or a full disk, leaves such a finding.
/// </param>
public sealed record LedgerFinding(ReplicaId Replica, DateTimeOffset Time, bool IsLate, string Message);

/// <summary>
/// Proves a ledger consistent: each replica has one life, without a hole and without an overlap, seen by one run of the
/// server at a time, and proven at least once a heartbeat.
/// </summary>
public static class LedgerCheck
{
    public static IReadOnlyList<LedgerFinding> Verify(LedgerReading ledger)
    {
        var findings = new List<LedgerFinding>();
        var proofs = ledger.Proofs.ToDictionary(proof => proof.Replica);
        var lives = ledger.Events.GroupBy(written => written.Replica).ToDictionary(life => life.Key, life => life.ToList());
        foreach (var life in lives.Values) Life(life, proofs.GetValueOrDefault(life[0].Replica), findings);
        foreach (var proof in ledger.Proofs.Where(proof => !lives.ContainsKey(proof.Replica)))
        {
            findings.Add(new(proof.Replica, proof.At.Wall, IsLate: false, "It has a proof of life and was never READY"));
        }

        return findings;
    }

    private static void Life(List<LedgerEvent> life, LifeProof? proof, List<LedgerFinding> findings)
    {
        var runs = new HashSet<string> { life[0].Run };
        for (var i = 0; i < life.Count; i++)
        {
            var (here, before) = (life[i], i == 0 ? null : life[i - 1]);
            Check(here.Ordinal == i, here, $"is number {here.Ordinal} of its replica and stands at place {i}");
            Check((here.Kind == LedgerEventKind.Ready) == (i == 0), here, i == 0 ? "comes before READY" : "comes a second time");
            Timely(here, here.At, here.LongestGap);
            if (before is null) continue;
            Check(before.Kind != LedgerEventKind.Ended, here, "comes after ENDED");
            Check(here.At.BootId == before.At.BootId || here.Kind == LedgerEventKind.Resumed, here, "is of another boot, which only RESUMED may be");
            Check(!here.At.IsOfSameBoot(before.At) || here.At.Ticks >= before.At.Ticks, here, "is earlier than the event before it: they overlap");
            Check((here.Run != before.Run) == (here.Kind == LedgerEventKind.Resumed), here, "is of the wrong run of the server");
            Check(here.What == before.What with { Reserved = here.What.Reserved }, here, "has another owner or other accelerators than READY");
            Check(here.Run == before.Run || runs.Add(here.Run), here, "is of a run of the server that another one had followed");
        }

        var last = life[^1];
        var isOpen = last.Kind != LedgerEventKind.Ended;
        Check(isOpen || proof is null, last, "has a proof of life after it");
        Check(!isOpen || proof is not null, last, "is not the end, and there is no proof of life");
        if (!isOpen || proof is null) return;
        Check(proof.At.IsOfSameBoot(last.At), last, "and the proof of life are of two boots");
        Check(proof.At.Ticks >= last.At.Ticks, last, "is later than the proof of life");
        Timely(last, proof.At, proof.LongestGap);

        void Check(bool holds, LedgerEvent at, string message)
        {
            if (!holds) findings.Add(new(at.Replica, at.At.Wall, IsLate: false, $"{WireEnum.TextOf(at.Kind)} {message}"));
        }

        void Timely(LedgerEvent at, BootStamp time, TimeSpan gap)
        {
            if (gap <= LedgerRule.Heartbeat) return;
            findings.Add(new(at.Replica, time.Wall, IsLate: true, string.Create(
                CultureInfo.InvariantCulture, $"Its proofs of life were up to {gap.TotalSeconds:0.0} s apart, the bound is {LedgerRule.Heartbeat.TotalSeconds:0} s")));
        }
    }
}
