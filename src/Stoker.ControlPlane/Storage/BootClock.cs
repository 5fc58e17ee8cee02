namespace Stoker.ControlPlane.Storage;

/// <summary>
/// Instants that processes of one machine can compare: the boot's identity and the time since, which no step of the
/// wall clock moves.
/// </summary>
internal sealed class BootClock(TimeProvider time, string? bootId = null)
{
    public string BootId { get; } = bootId ?? ReadBootId();

    /// <summary>100 ns units since an arbitrary instant of this boot.</summary>
    public long Stamp => TicksOf(time.GetTimestamp());

    public DateTimeOffset Now => time.GetUtcNow();

    /// <summary>This instant, to be written down.</summary>
    public BootStamp Read() => new(BootId, Stamp, Now);

    /// <summary>
    /// An earlier instant by its timestamp, to be written down. Its wall time is what the clock of now says of it.
    /// </summary>
    public BootStamp At(long timestamp) => At(timestamp, Read());

    /// <summary>The same for whoever has many to write down at one time.</summary>
    public BootStamp At(long timestamp, BootStamp now)
    {
        var ticks = TicksOf(timestamp);
        return new(BootId, ticks, now.Wall - TimeSpan.FromTicks(now.Ticks - ticks));
    }

    /// <summary>
    /// Whether an end that was written with its boot, stamp and wall time has passed; another boot's is judged by wall
    /// time.
    /// </summary>
    public bool HasPassed(string bootId, long stamp, DateTimeOffset wall) =>
        bootId == BootId && bootId.Length > 0 ? Stamp >= stamp : Now >= wall;

    private long TicksOf(long timestamp) => (long)((Int128)timestamp * TimeSpan.TicksPerSecond / time.TimestampFrequency);

    /// <summary>Empty where the system has none to read; then the wall clock has to do.</summary>
    private static string ReadBootId()
    {
        const string Path = "/proc/sys/kernel/random/boot_id";
        return File.Exists(Path) ? File.ReadAllText(Path).Trim() : "";
    }
}
