using System.Globalization;
using System.Text;

namespace Stoker.Engine.Templates;

/// <summary>C's strftime with English names, and the flags <c>-</c>, <c>_</c> and <c>0</c> of glibc.</summary>
internal static class ClockFormat
{
    private static readonly DateTimeFormatInfo Names = DateTimeFormatInfo.InvariantInfo;

    public static string Format(RenderContext context, string format, DateTimeOffset now)
    {
        context.ChargeText(format.Length);
        var result = new StringBuilder();
        for (var i = 0; i < format.Length; i++)
        {
            if (format[i] != '%' || i + 1 == format.Length)
            {
                result.Append(format[i]);
                continue;
            }
            var flag = format[i + 1] is '-' or '_' or '0' && i + 2 < format.Length ? format[++i] : '\0';
            result.Append(Field(format[++i], flag, now) ?? throw context.Error($"'strftime_now' does not know '%{format[i]}'"));
        }
        return result.ToString();
    }

    private static string? Field(char code, char flag, DateTimeOffset now) => code switch
    {
        'a' => Names.AbbreviatedDayNames[(int)now.DayOfWeek],
        'A' => Names.DayNames[(int)now.DayOfWeek],
        'b' or 'h' => Names.AbbreviatedMonthNames[now.Month - 1],
        'B' => Names.MonthNames[now.Month - 1],
        'p' => now.Hour < 12 ? "AM" : "PM",
        'P' => now.Hour < 12 ? "am" : "pm",
        'z' => now.ToString("zzz", CultureInfo.InvariantCulture).Replace(":", "", StringComparison.Ordinal),
        'Z' => now.Offset == TimeSpan.Zero ? "UTC" : now.ToString("zzz", CultureInfo.InvariantCulture).Replace(":", "", StringComparison.Ordinal),
        'n' => "\n",
        't' => "\t",
        '%' => "%",
        'c' => Join(now, "a", " ", "b", " ", "e", " ", "T", " ", "Y"),
        'D' or 'x' => Join(now, "m", "/", "d", "/", "y"),
        'F' => Join(now, "Y", "-", "m", "-", "d"),
        'T' or 'X' => Join(now, "H", ":", "M", ":", "S"),
        'R' => Join(now, "H", ":", "M"),
        'r' => Join(now, "I", ":", "M", ":", "S", " ", "p"),
        _ => Number(code, now) is { } number ? Padded(number.Value, number.Width, flag == '\0' ? number.Pad : flag) : null,
    };

    private static string Join(DateTimeOffset now, params string[] parts) =>
        string.Concat(parts.Select(part => char.IsAsciiLetter(part[0]) ? Field(part[0], '\0', now) : part));

    private static (long Value, int Width, char Pad)? Number(char code, DateTimeOffset now) => code switch
    {
        'Y' => (now.Year, 1, '0'),
        'C' => (now.Year / 100, 2, '0'),
        'y' => (now.Year % 100, 2, '0'),
        'G' => (ISOWeek.GetYear(now.DateTime), 1, '0'),
        'g' => (ISOWeek.GetYear(now.DateTime) % 100, 2, '0'),
        'm' => (now.Month, 2, '0'),
        'd' => (now.Day, 2, '0'),
        'e' => (now.Day, 2, '_'),
        'j' => (now.DayOfYear, 3, '0'),
        'H' => (now.Hour, 2, '0'),
        'k' => (now.Hour, 2, '_'),
        'I' => (((now.Hour + 11) % 12) + 1, 2, '0'),
        'l' => (((now.Hour + 11) % 12) + 1, 2, '_'),
        'M' => (now.Minute, 2, '0'),
        'S' => (now.Second, 2, '0'),
        'f' => ((now.Ticks % TimeSpan.TicksPerSecond) / 10, 6, '0'), // Python's own: microseconds
        's' => (now.ToUnixTimeSeconds(), 1, '0'),
        'u' => (now.DayOfWeek == DayOfWeek.Sunday ? 7 : (int)now.DayOfWeek, 1, '0'),
        'w' => ((int)now.DayOfWeek, 1, '0'),
        'U' => ((now.DayOfYear + 6 - (int)now.DayOfWeek) / 7, 2, '0'),
        'W' => ((now.DayOfYear + 6 - (((int)now.DayOfWeek + 6) % 7)) / 7, 2, '0'),
        'V' => (ISOWeek.GetWeekOfYear(now.DateTime), 2, '0'),
        _ => null,
    };

    private static string Padded(long value, int width, char pad)
    {
        var digits = value.ToString(CultureInfo.InvariantCulture);
        return pad == '-' ? digits : digits.PadLeft(width, pad == '_' ? ' ' : '0');
    }
}
