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
        var matches = CharacterClass.IsIn(code, mask) || (asciiPunctuation && code is (>= 0x21 and <= 0x2F) or (>= 0x3A and <= 0x40) or (>= 0x5B and <= 0x60) or (>= 0x7B and <= 0x7E));
        return matches ? start + length : NoMatch;
    }
}
