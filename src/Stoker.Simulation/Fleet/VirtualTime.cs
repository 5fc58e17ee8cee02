namespace Stoker.Simulation.Fleet;

/// <summary>
/// The clock of one run: it stands where the last event was. What waits in a simulation is an event in its queue, so
/// there are no timers.
/// </summary>
public sealed class VirtualTime : TimeProvider
{
    /// <summary>Any day will do; a round one reads well in reasons.</summary>
    private static readonly DateTimeOffset Begin = new(2030, 1, 1, 0, 0, 0, TimeSpan.Zero);

    /// <summary>Since the run's begin.</summary>
    public TimeSpan Now { get; private set; }

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override DateTimeOffset GetUtcNow() => Begin + Now;

    public override long GetTimestamp() => Now.Ticks;

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
        throw new NotSupportedException("A simulation has events, no timers.");

    internal void MoveTo(TimeSpan now)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(now, Now);
        Now = now;
    }
}
