using System.Diagnostics.CodeAnalysis;

namespace Stoker.Api.Names;

/// <summary>
/// One segment of a resource name: 1-63 characters of a-z, 0-9 and '-', no '-' at either end.
/// </summary>
/// <remarks>
/// A leading digit is accepted here because identifiers that the server makes may have one; <see cref="IsUserChosen"/>
/// is the stricter rule for identifiers in create requests.
/// </remarks>
public sealed record ResourceId : IParsable<ResourceId>
{
    public const int MaxLength = 63;

    /// <summary>What is allowed, for messages.</summary>
    public const string Rule =
        "1-63 characters of a-z, 0-9 and '-', not starting with a digit or '-', not ending with '-'";

    private readonly string _text;

    private ResourceId(string text) => _text = text;

    /// <summary>Whether a user may choose this identifier: no leading digit.</summary>
    public bool IsUserChosen => !char.IsAsciiDigit(_text[0]);

    public static bool TryParse([NotNullWhen(true)] string? text, [NotNullWhen(true)] out ResourceId? id) =>
        TryParse(text, null, out id);

    public static bool TryParse([NotNullWhen(true)] string? text, IFormatProvider? provider, [NotNullWhen(true)] out ResourceId? result)
    {
        result = text is { Length: > 0 and <= MaxLength } && text[0] != '-' && text[^1] != '-' && text.All(IsAllowed)
            ? new(text)
            : null;
        return result is not null;
    }

    public static ResourceId Parse(string text, IFormatProvider? provider = null) =>
        TryParse(text, provider, out var id) ? id : throw new FormatException($"A resource identifier is {Rule}");

    public override string ToString() => _text;

    private static bool IsAllowed(char c) => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c == '-';
}
