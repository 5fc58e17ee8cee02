using System.Diagnostics.CodeAnalysis;

namespace Stoker.ControlPlane.Capacity;

/// <summary>
/// A place that has accelerators, named like <c>US_IOWA_1</c>. On a plain machine there is one, <see cref="Local"/>.
/// </summary>
public sealed record Region : IParsable<Region>
{
    public const string Unspecified = "REGION_UNSPECIFIED";
    public const string Rule = "1-63 characters of A-Z, 0-9 and '_', starting with a letter";

    private Region(string name) => Name = name;

    public string Name { get; }

    public static Region Local { get; } = new("LOCAL");

    public static bool TryParse([NotNullWhen(true)] string? text, IFormatProvider? provider, [NotNullWhen(true)] out Region? result)
    {
        result = text is { Length: > 0 and <= 63 } && char.IsAsciiLetterUpper(text[0]) && text.All(IsAllowed) ? new(text) : null;
        return result is not null;
    }

    public static Region Parse(string text, IFormatProvider? provider = null) =>
        TryParse(text, provider, out var region) ? region : throw new FormatException($"A region is {Rule}");

    public override string ToString() => Name;

    private static bool IsAllowed(char c) => char.IsAsciiLetterUpper(c) || char.IsAsciiDigit(c) || c == '_';
}
