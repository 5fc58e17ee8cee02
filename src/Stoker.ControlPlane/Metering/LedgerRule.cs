using Stoker.ControlPlane.Storage;

namespace Stoker.ControlPlane.Metering;

/// <summary>
/// The rule of the ledger: a replica is paid for from the moment it is READY to its last proof of life.
/// </summary>
/// <remarks>
/// READY is the moment in which the server, having heard from the replica that it is ready, is about to let requests go
/// to it; it is written down before the first of them can. A proof of life is an answer to a health check, or the end of
/// a process that the system reported and that had answered the check before, or, of a replica that ended while no server
/// looked, what it wrote down itself every few seconds. So boot is free, drains are paid for, and
/// a replica that hangs until it is given up is paid for up to its last answer. A replica that did not answer for a
/// while and then does has lived all the time.
/// </remarks>
public static class LedgerRule
{
    /// <summary>
    /// The stated bound: when server and replica die together, at most this much of the replica's life is not in the
    /// ledger. It is part of what the ledger's rows mean, hence no option.
    /// </summary>
    public static readonly TimeSpan Heartbeat = TimeSpan.FromSeconds(10);

    /// <summary>How often proofs of life are written: twice within the bound, so that one may be late.</summary>
    public static readonly TimeSpan Beat = Heartbeat / 2;

    /// <summary>
    /// A wall clock that strayed from the boot's clock by more than this since a replica's last event was stepped, and
    /// not merely slewed. It decides only on which day seconds are shown, never how many there are.
    /// </summary>
    public static readonly TimeSpan StepTolerance = TimeSpan.FromSeconds(1);

    /// <summary>
    /// The time between two instants of one life. Within a boot no step of the wall clock touches it. Between boots only
    /// the wall clocks can be compared, and what they say is believed up to the heartbeat.
    /// </summary>
    public static TimeSpan Elapsed(BootStamp from, BootStamp to)
    {
        var elapsed = to.IsOfSameBoot(from) ? TimeSpan.FromTicks(to.Ticks - from.Ticks) : Least(to.Wall - from.Wall, Heartbeat);
        return elapsed < TimeSpan.Zero ? TimeSpan.Zero : elapsed;
    }

    /// <summary>Whether the wall clock was stepped between two instants of a boot.</summary>
    public static bool IsStepped(BootStamp from, BootStamp to)
    {
        var strayed = to.Wall - from.Wall - TimeSpan.FromTicks(to.Ticks - from.Ticks);
        return to.IsOfSameBoot(from) && strayed.Duration() > StepTolerance;
    }

    private static TimeSpan Least(TimeSpan left, TimeSpan right) => left < right ? left : right;
}
