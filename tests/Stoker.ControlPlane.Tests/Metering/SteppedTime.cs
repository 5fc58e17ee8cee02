using System.Globalization;
using Stoker.ControlPlane.Storage;

namespace Stoker.ControlPlane.Tests.Metering;

/// <summary>
/// A machine's clocks: one that counts from each boot, and one on the wall that somebody may step. Behind both is the
/// time that really passed, which only tests know.
/// </summary>
internal sealed class SteppedTime(DateTimeOffset start) : TimeProvider
{
    private readonly List<TimeSpan> _boots = [TimeSpan.Zero];
    private TimeSpan _stepped;

    /// <summary>Since the test began, whatever the clocks say.</summary>
    public TimeSpan Passed { get; private set; }

    public string BootId => $"boot-{_boots.Count}";

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override long GetTimestamp() => (Passed - _boots[^1]).Ticks;

    public override DateTimeOffset GetUtcNow() => start + Passed + _stepped;

    public void Advance(TimeSpan time) => Passed += time;

    public void Step(TimeSpan by) => _stepped += by;

    public void Reboot() => _boots.Add(Passed);

    /// <summary>The real time of a boot's clock.</summary>
    public TimeSpan PassedAt(BootStamp stamp) =>
        _boots[int.Parse(stamp.BootId.AsSpan("boot-".Length), CultureInfo.InvariantCulture) - 1] + TimeSpan.FromTicks(stamp.Ticks);
}
