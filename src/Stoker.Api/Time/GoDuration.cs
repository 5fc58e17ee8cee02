using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text;

namespace Stoker.Api.Time;

/// <summary>
/// Durations as people type them on the command line: the syntax of Go's <c>time.ParseDuration</c> (<c>30s</c>,
/// <c>1h30m</c>, <c>1.5h</c>), printed as Go prints them (<c>1h0m0s</c>).
/// </summary>
/// <remarks>
/// Resolution is 100 ns, that of <see cref="TimeSpan"/>; Go's is 1 ns. The sum is made in nanoseconds, as in Go, and what
/// is below 100 of them is then dropped towards zero.
/// </remarks>
public static class GoDuration
{
    public const string Rule = "a duration such as 30s, 10m or 1h30m (units ns, us, ms, s, m, h)";

    private const long NanosecondsPerTick = 100;
    private static readonly SearchValues<char> NumberStart = SearchValues.Create("0123456789.");

    public static bool TryParse([NotNullWhen(true)] string? text, out TimeSpan duration)
    {
        duration = default;
        if (string.IsNullOrEmpty(text)) return false;

        var rest = text.AsSpan();
        var negative = rest[0] == '-';
        if (rest[0] is '-' or '+') rest = rest[1..];
        if (rest is "0") return true;
        if (rest.IsEmpty) return false;

        // Go sums in nanoseconds and refuses what does not fit 63 bits (-1<<63 itself is allowed); UInt128 cannot
        // overflow here.
        UInt128 nanoseconds = 0;
        while (!rest.IsEmpty)
        {
            if (!TryTakeTerm(ref rest, out var term)) return false;
            nanoseconds += term;
            if (nanoseconds > (UInt128)1 << 63) return false;
        }

        if (nanoseconds == (UInt128)1 << 63 && !negative) return false;
        var ticks = (long)(nanoseconds / NanosecondsPerTick);
        duration = new TimeSpan(negative ? -ticks : ticks);
        return true;
    }

    /// <summary>
    /// Go's <c>Duration.String()</c>: <c>0s</c>, <c>1.5s</c>, <c>100ms</c>, <c>10m0s</c>, <c>1h0m0s</c>.
    /// </summary>
    public static string Format(TimeSpan duration)
    {
        if (duration == TimeSpan.Zero) return "0s";

        var ticks = (UInt128)(duration.Ticks < 0 ? -(Int128)duration.Ticks : duration.Ticks);
        var nanoseconds = ticks * NanosecondsPerTick;
        var text = new StringBuilder(duration.Ticks < 0 ? "-" : "");
        if (nanoseconds < 1_000) return text.Append(CultureInfo.InvariantCulture, $"{nanoseconds}ns").ToString();
        if (nanoseconds < 1_000_000) return text.Append(Decimal(nanoseconds, 1_000)).Append("µs").ToString();
        if (nanoseconds < 1_000_000_000) return text.Append(Decimal(nanoseconds, 1_000_000)).Append("ms").ToString();

        var (minutesTotal, secondsPart) = (nanoseconds / 60_000_000_000, nanoseconds % 60_000_000_000);
        var (hours, minutes) = (minutesTotal / 60, minutesTotal % 60);
        if (hours > 0) text.Append(CultureInfo.InvariantCulture, $"{hours}h");
        if (minutesTotal > 0) text.Append(CultureInfo.InvariantCulture, $"{minutes}m");
        return text.Append(Decimal(secondsPart, 1_000_000_000)).Append('s').ToString();
    }

    /// <summary>Takes one number with its unit, such as <c>1.5h</c>, off the front.</summary>
    private static bool TryTakeTerm(ref ReadOnlySpan<char> rest, out UInt128 nanoseconds)
    {
        nanoseconds = 0;
        var digits = rest.IndexOfAnyExceptInRange('0', '9');
        if (digits < 0) return false; // a number without a unit
        var whole = rest[..digits];
        rest = rest[digits..];

        var fraction = ReadOnlySpan<char>.Empty;
        if (rest[0] == '.')
        {
            rest = rest[1..];
            var length = rest.IndexOfAnyExceptInRange('0', '9');
            if (length < 0) return false;
            fraction = rest[..length];
            rest = rest[length..];
        }

        if (whole.IsEmpty && fraction.IsEmpty) return false;
        if (!TryTakeUnit(ref rest, out var unit)) return false;

        UInt128 value = 0;
        foreach (var digit in whole)
        {
            value = value * 10 + (UInt128)(digit - '0');
            if (value > (UInt128)1 << 63) return false;
        }

        nanoseconds = value * unit + FractionOf(fraction, unit);
        return true;
    }

    private static UInt128 FractionOf(ReadOnlySpan<char> fraction, UInt128 unit)
    {
        // As Go: digits while they fit 63 bits, the rest is ignored, and one product in floating point.
        ulong value = 0;
        var scale = 1d;
        foreach (var digit in fraction)
        {
            if (value > long.MaxValue / 10) break;
            var next = value * 10 + (ulong)(digit - '0');
            if (next > 1UL << 63) break;
            value = next;
            scale *= 10;
        }

        return (UInt128)(value * ((double)unit / scale));
    }

    private static bool TryTakeUnit(ref ReadOnlySpan<char> rest, out UInt128 nanoseconds)
    {
        var length = rest.IndexOfAny(NumberStart);
        var unit = length < 0 ? rest : rest[..length];
        nanoseconds = unit switch
        {
            "ns" => 1,
            "us" or "µs" or "μs" => 1_000, // both code points for the micro sign, as in Go
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            _ => 0,
        };
        rest = rest[unit.Length..];
        return nanoseconds > 0;
    }

    private static string Decimal(UInt128 value, UInt128 unit)
    {
        var (whole, part) = (value / unit, value % unit);
        if (part == 0) return whole.ToString(CultureInfo.InvariantCulture);
        var width = unit.ToString(CultureInfo.InvariantCulture).Length - 1;
        var digits = part.ToString(CultureInfo.InvariantCulture).PadLeft(width, '0').TrimEnd('0');
        return $"{whole.ToString(CultureInfo.InvariantCulture)}.{digits}";
    }
}
