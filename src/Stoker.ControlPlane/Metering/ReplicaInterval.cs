using Stoker.ControlPlane.Runtimes;
using Stoker.ControlPlane.Storage;

namespace Stoker.ControlPlane.Metering;

/// <summary>A piece of an interval in which the wall clock was not stepped.</summary>
/// <param name="Length">By the boot's clock.</param>
public readonly record struct IntervalPiece(DateTimeOffset Start, TimeSpan Length);

/// <summary>The time for which a replica is paid for, under one set of terms; a reservation that begins ends one.</summary>
/// <param name="EndTime">When it ended; of an open one the last proof of life that is written.</param>
/// <param name="Length">
/// What is paid for. Where the wall clock was stepped it is not the difference of the two times.
/// </param>
public sealed record ReplicaInterval(
    ReplicaId Replica, MeteredReplica What, DateTimeOffset StartTime, DateTimeOffset EndTime, TimeSpan Length, bool IsOpen, IReadOnlyList<IntervalPiece> Pieces)
{
    /// <summary>Accelerators times time: GPU seconds.</summary>
    public TimeSpan AcceleratorTime => Length.Times(What.AcceleratorCount);

    /// <summary>The intervals that events and proofs mean, in the order of their starts: the ledger's one reading.</summary>
    public static IReadOnlyList<ReplicaInterval> From(LedgerReading ledger)
    {
        var proofs = ledger.Proofs.ToDictionary(proof => proof.Replica, proof => proof.At);
        return
        [
            .. ledger.Events.GroupBy(written => written.Replica)
                .SelectMany(life => Of([.. life.OrderBy(written => written.Ordinal)], proofs.GetValueOrDefault(life.Key)))
                .OrderBy(interval => interval.StartTime)
                .ThenBy(interval => interval.Replica.ToString(), StringComparer.Ordinal),
        ];
    }

    /// <param name="proof">The newest proof of life of an open replica, else null.</param>
    private static IEnumerable<ReplicaInterval> Of(IReadOnlyList<LedgerEvent> life, BootStamp? proof)
    {
        var isOpen = life[^1].Kind != LedgerEventKind.Ended;
        var pieces = new List<IntervalPiece>();
        for (var i = 0; i < life.Count; i++)
        {
            var (start, isLast) = (life[i], i == life.Count - 1);
            var end = isLast ? (isOpen ? proof : null) ?? start.At : life[i + 1].At;
            if (!isLast || isOpen) pieces.Add(new(start.At.Wall, LedgerRule.Elapsed(start.At, end)));
            if (pieces.Count == 0 || (!isLast && life[i + 1].Kind != LedgerEventKind.Ended && life[i + 1].What == start.What)) continue;
            yield return New(start, pieces, isOpen && isLast);
            pieces = [];
        }
    }

    private static ReplicaInterval New(LedgerEvent last, List<IntervalPiece> pieces, bool isOpen) => new(
        last.Replica, last.What, pieces[0].Start, pieces[^1].Start + pieces[^1].Length,
        TimeSpan.FromTicks(pieces.Sum(piece => piece.Length.Ticks)), isOpen, pieces);
}

internal static class AcceleratorTimes
{
    /// <summary>Exact, where the operator of the framework goes by way of a double.</summary>
    public static TimeSpan Times(this TimeSpan time, int count) => TimeSpan.FromTicks(time.Ticks * count);
}
