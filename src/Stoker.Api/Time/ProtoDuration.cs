using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace Stoker.Api.Time;

/// <summary>
/// Durations as proto3 JSON writes them: seconds with up to nine decimals and an <c>s</c>, such as <c>"3600s"</c>.
/// </summary>
/// <remarks>
/// Reading is more lenient: Go's syntax (<c>"1h30m"</c>) is accepted too, because people paste it into JSON files. Beyond
/// Go's 292 years only seconds are read, up to proto's ten thousand years, so that a rule on the length can answer and not
/// one on the syntax. What is below 100 ns is dropped towards zero.
/// </remarks>
public static class ProtoDuration
{
    public const string Rule = "a duration such as \"30s\" or \"3600s\"";

    /// <summary>The range of google.protobuf.Duration.</summary>
    private const long MostSeconds = 315_576_000_000;

    public static bool TryParse([NotNullWhen(true)] string? text, out TimeSpan duration) =>
        GoDuration.TryParse(text, out duration) || TryParseLong(text, out duration);

    public static string Format(TimeSpan duration) =>
        ((decimal)duration.Ticks / TimeSpan.TicksPerSecond).ToString("0.#########", CultureInfo.InvariantCulture) + "s";

    private static bool TryParseLong([NotNullWhen(true)] string? text, out TimeSpan duration)
    {
        const NumberStyles Style = NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint;
        duration = default;
        if (text is not [.. var number, 's'] || !decimal.TryParse(number, Style, CultureInfo.InvariantCulture, out var seconds)) return false;
        if (Math.Abs(decimal.Truncate(seconds)) > MostSeconds) return false;
        duration = new((long)decimal.Truncate(seconds * TimeSpan.TicksPerSecond));
        return true;
    }
}
