namespace Stoker.ControlPlane.Storage;

/// <summary>An instant as it is written down for other processes and for later boots.</summary>
/// <param name="BootId">The boot that <paramref name="Ticks"/> counts in.</param>
/// <param name="Ticks">100 ns units since an arbitrary instant of the boot; no step of the wall clock moves
/// them.</param>
/// <param name="Wall">The wall clock's time, for people and for calendars.</param>
public sealed record BootStamp(string BootId, long Ticks, DateTimeOffset Wall)
{
    /// <summary>Whether the ticks of both may be compared.</summary>
    public bool IsOfSameBoot(BootStamp other) => BootId == other.BootId && BootId.Length > 0;
}
