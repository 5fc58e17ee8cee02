using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;

namespace Stoker.ControlPlane.Runtimes;

/// <summary>
/// A replica's identity: 12 random characters of a-z and 0-9, written down before anything is started and never used
/// again. Short, because it is part of a socket's path, which may have 108 bytes.
/// </summary>
public sealed record ReplicaId : IParsable<ReplicaId>
{
    public const int Length = 12;

    private const string Alphabet = "abcdefghijklmnopqrstuvwxyz0123456789";
    private readonly string _text;

    private ReplicaId(string text) => _text = text;

    public static ReplicaId Random() => new(RandomNumberGenerator.GetString(Alphabet, Length));

    public static bool TryParse([NotNullWhen(true)] string? text, IFormatProvider? provider, [NotNullWhen(true)] out ReplicaId? result)
    {
        result = text is { Length: Length } && text.All(char.IsAsciiLetterOrDigit) && !text.Any(char.IsAsciiLetterUpper) ? new(text) : null;
        return result is not null;
    }

    public static ReplicaId Parse(string text, IFormatProvider? provider = null) => TryParse(text, provider, out var id)
        ? id
        : throw new FormatException($"A replica's id is {Length} characters of a-z and 0-9");

    public override string ToString() => _text;
}
