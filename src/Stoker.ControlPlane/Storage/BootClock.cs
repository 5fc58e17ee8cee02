namespace Stoker.ControlPlane.Storage;

/// <summary>
/// Instants that processes of one machine can compare: the boot's identity and the time since, which no step of the
/// wall clock moves.
/// </summary>
internal sealed class BootClock(TimeProvider time, string? bootId = null)
{
    public string BootId { get; } = bootId ?? ReadBootId();

    /// <summary>100 ns units since an arbitrary instant of this boot.</summary>
    public long Stamp => (long)((Int128)time.GetTimestamp() * TimeSpan.TicksPerSecond / time.TimestampFrequency);

    public DateTimeOffset Now => time.GetUtcNow();

    /// <summary>
    /// Whether an end that was written with its boot, stamp and wall time has passed; another boot's is judged by wall
    /// time.
    /// </summary>
    public bool HasPassed(string bootId, long stamp, DateTimeOffset wall) =>
        bootId == BootId && bootId.Length > 0 ? Stamp >= stamp : Now >= wall;

    /// <summary>Empty where the system has none to read; then the wall clock has to do.</summary>
    private static string ReadBootId()
    {
        const string Path = "/proc/sys/kernel/random/boot_id";
        return File.Exists(Path) ? File.ReadAllText(Path).Trim() : "";
    }
}
