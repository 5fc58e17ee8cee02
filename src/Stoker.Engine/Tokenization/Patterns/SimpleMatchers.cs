using Stoker.Engine.Tokenization.Unicode;

namespace Stoker.Engine.Tokenization.Patterns;

/// <summary>A fixed text. The empty one matches nowhere.</summary>
internal sealed class LiteralMatcher(byte[] literal) : PatternMatcher
{
    public override int Match(ReadOnlySpan<byte> text, int start, MatchScratch scratch) =>
        literal.Length > 0 && text[start] == literal[0] && text[start..].StartsWith(literal) ? start + literal.Length : NoMatch;
}

/// <summary>One character of a class, or of ASCII punctuation where that is asked for.</summary>
internal sealed class ClassMatcher(uint mask, bool asciiPunctuation = false) : PatternMatcher
{
    public override int Match(ReadOnlySpan<byte> text, int start, MatchScratch scratch)
    {
        var code = Utf8.ReadAt(text, start, out var length);
        return CharacterClass.IsIn(code, mask) || (asciiPunctuation && IsAsciiPunctuation(code))
            ? start + length
            : NoMatch;
    }

    /// <summary>
    /// ASCII's printable characters but letters, digits and space; Unicode calls some of them symbols.
    /// </summary>
    private static bool IsAsciiPunctuation(int code) =>
        code is > ' ' and < 0x7F && !char.IsAsciiLetterOrDigit((char)code);
}
