using Stoker.Api.Names;

namespace Stoker.ControlPlane.Metering;

/// <summary>What one deployment used of one kind of accelerator on one day.</summary>
/// <param name="Day">In UTC.</param>
/// <param name="ReplicaTime">Of all replicas together.</param>
/// <param name="AcceleratorTime">Of all their accelerators together: GPU seconds.</param>
public sealed record DayUsage(
    DateOnly Day, DeploymentName Deployment, string AcceleratorType, string Region, bool Reserved, TimeSpan ReplicaTime, TimeSpan AcceleratorTime)
{
    /// <summary>
    /// Intervals by day. Nothing is rounded: the days add up to the intervals, to the tick. A day that the wall clock
    /// showed twice has more than 24 hours.
    /// </summary>
    public static IReadOnlyList<DayUsage> Of(IEnumerable<ReplicaInterval> intervals) =>
    [
        .. intervals.SelectMany(interval => interval.Pieces.SelectMany(piece => Days(piece)), (interval, part) => (interval.What, part.Day, part.Length))
            .GroupBy(
                part => (part.Day, part.What.Deployment, part.What.AcceleratorType, part.What.Region, part.What.Reserved),
                (key, parts) => parts.Aggregate(
                    new DayUsage(key.Day, key.Deployment, key.AcceleratorType, key.Region, key.Reserved, TimeSpan.Zero, TimeSpan.Zero),
                    (sum, part) => sum with
                    {
                        ReplicaTime = sum.ReplicaTime + part.Length,
                        AcceleratorTime = sum.AcceleratorTime + part.Length.Times(part.What.AcceleratorCount),
                    }))
            .OrderBy(usage => usage.Day)
            .ThenBy(usage => usage.Deployment.ToString(), StringComparer.Ordinal)
            .ThenBy(usage => (usage.AcceleratorType, usage.Region, usage.Reserved)),
    ];

    private static IEnumerable<(DateOnly Day, TimeSpan Length)> Days(IntervalPiece piece)
    {
        var (start, left) = (piece.Start.UtcDateTime, piece.Length);
        while (left > TimeSpan.Zero)
        {
            var toMidnight = start.Date.AddDays(1) - start;
            var length = left < toMidnight ? left : toMidnight;
            yield return (DateOnly.FromDateTime(start), length);
            (start, left) = (start + length, left - length);
        }
    }
}
