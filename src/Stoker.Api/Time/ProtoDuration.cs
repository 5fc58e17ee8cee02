using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace Stoker.Api.Time;

/// <summary>
/// Durations as proto3 JSON writes them: seconds with up to nine decimals and an <c>s</c>, such as <c>"3600s"</c>.
/// </summary>
/// <remarks>
/// Reading is more lenient: Go's syntax (<c>"1h30m"</c>) is accepted too, because people paste it into JSON files.
/// </remarks>
public static class ProtoDuration
{
    public const string Rule = "a duration such as \"30s\" or \"3600s\"";

    public static bool TryParse([NotNullWhen(true)] string? text, out TimeSpan duration) =>
        GoDuration.TryParse(text, out duration);

    public static string Format(TimeSpan duration) =>
        ((decimal)duration.Ticks / TimeSpan.TicksPerSecond).ToString("0.#########", CultureInfo.InvariantCulture) + "s";
}
