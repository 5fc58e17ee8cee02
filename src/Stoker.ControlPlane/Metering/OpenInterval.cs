using Stoker.ControlPlane.Runtimes;
using Stoker.ControlPlane.Storage;

namespace Stoker.ControlPlane.Metering;

/// <summary>What is seen of one replica at one look.</summary>
/// <param name="Serves">It is READY by its own answer and by its deployment's record: here an interval begins.</param>
/// <param name="Alive">Its newest proof of life; null when this run of the server has none.</param>
/// <param name="IsGone">It ended, or is not there any more.</param>
internal sealed record ReplicaSighting(ReplicaId Id, MeteredReplica What, bool Serves, BootStamp? Alive, bool IsGone);

/// <summary>A replica that is paid for, and what is written of it.</summary>
/// <param name="Last">Its last event.</param>
/// <param name="Proof">Its newest proof of life.</param>
/// <param name="Written">The newest proof that is in the ledger.</param>
/// <param name="LongestGap">The longest time between two written proofs since the last event.</param>
/// <remarks>
/// <code>
/// state   seen                                        event     next
/// (none)  serves                                      READY     open
/// open    alive, first time in this run               RESUMED   open
/// open    alive, clock stepped or reservation changed ALIVE     open
/// open    alive                                                 open
/// open    gone                                        ENDED     (none)
/// </code>
/// </remarks>
internal sealed record OpenInterval(LedgerEvent Last, BootStamp Proof, BootStamp Written, TimeSpan LongestGap)
{
    public OpenInterval(LedgerEvent last)
        : this(last, last.At, last.At, TimeSpan.Zero)
    {
    }

    public OpenInterval(OpenReplica stored)
        : this(stored.Last, stored.Proof.At, stored.Proof.At, stored.Proof.LongestGap)
    {
    }

    /// <summary>The proof to write, with the gap that it closes.</summary>
    public LifeProof ToWrite => new(Last.Replica, Proof, GapUpTo(Proof));

    /// <summary>What follows from a look: the events to write, and the interval after it, null for none.</summary>
    /// <param name="run">This run of the server.</param>
    public static OpenInterval? After(OpenInterval? before, ReplicaSighting seen, string run, BootStamp now, List<LedgerEvent> events)
    {
        if (before is not null) return before.After(seen, run, events);
        if (!seen.Serves || seen.IsGone) return null;
        var ready = new LedgerEvent(seen.Id, 0, LedgerEventKind.Ready, now, TimeSpan.Zero, run, seen.What);
        events.Add(ready);
        return new(ready);
    }

    /// <summary>The proof is in the ledger.</summary>
    public OpenInterval WithWritten(LifeProof proof) => this with { Written = proof.At, LongestGap = proof.LongestGap };

    private OpenInterval? After(ReplicaSighting seen, string run, List<LedgerEvent> events)
    {
        var open = this;
        if (seen.Alive is { } alive && IsNewer(alive)) open = open.Live(alive, seen.What, run, events);
        if (!seen.IsGone) return open;
        open.Note(LedgerEventKind.Ended, open.Proof, open.GapUpTo(open.Proof), open.Last.Run, open.Last.What, events);
        return null;
    }

    private OpenInterval Live(BootStamp alive, MeteredReplica what, string run, List<LedgerEvent> events)
    {
        if (Last.Run != run)
        {
            // The time in which no server ran is no gap between this one's proofs. Across boots only wall times
            // compare, so the last instant of the earlier boot is kept.
            var open = alive.IsOfSameBoot(Proof) ? this : Note(LedgerEventKind.Alive, Proof, GapUpTo(Proof), Last.Run, Last.What, events);
            return open.Note(LedgerEventKind.Resumed, alive, open.LongestGap, run, what, events);
        }

        return what != Last.What || LedgerRule.IsStepped(Last.At, alive)
            ? Note(LedgerEventKind.Alive, alive, GapUpTo(alive), run, what, events)
            : this with { Proof = alive };
    }

    private OpenInterval Note(
        LedgerEventKind kind, BootStamp at, TimeSpan gap, string run, MeteredReplica what, List<LedgerEvent> events)
    {
        events.Add(new(Last.Replica, Last.Ordinal + 1, kind, at, gap, run, what));
        return new(events[^1]);
    }

    private TimeSpan GapUpTo(BootStamp proof)
    {
        var gap = LedgerRule.Elapsed(Written, proof);
        return gap > LongestGap ? gap : LongestGap;
    }

    private bool IsNewer(BootStamp alive) => !alive.IsOfSameBoot(Proof) || alive.Ticks > Proof.Ticks;
}
