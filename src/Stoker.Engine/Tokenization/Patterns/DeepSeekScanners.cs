using Stoker.Engine.Tokenization.Unicode;
using static Stoker.Engine.Tokenization.Unicode.CharacterClass;

namespace Stoker.Engine.Tokenization.Patterns;

/// <summary><c>\p{N}{1,DIGITS}</c>.</summary>
internal sealed class NumberScanner(int maxDigits) : PatternMatcher
{
    public override int Match(ReadOnlySpan<byte> text, int start, MatchScratch scratch)
    {
        var position = start;
        for (var digits = 0; digits < maxDigits && position < text.Length; digits++)
        {
            if (!IsIn(Utf8.ReadAt(text, position, out var length), Number)) break;
            position += length;
        }

        return position > start ? position : NoMatch;
    }
}

/// <summary><c>[一-龥぀-ゟ゠-ヿ]+</c>: Chinese characters and kana.</summary>
internal sealed class HanKanaScanner : PatternMatcher
{
    public override int Match(ReadOnlySpan<byte> text, int start, MatchScratch scratch)
    {
        var position = start;
        while (position < text.Length)
        {
            if (Utf8.ReadAt(text, position, out var length) is not ((>= 0x4E00 and <= 0x9FA5) or (>= 0x3040 and <= 0x30FF))) break;
            position += length;
        }

        return position > start ? position : NoMatch;
    }
}

/// <summary>
/// The third of DeepSeek-V3's splits; single digits and control characters match nothing and stay in the gaps.
/// </summary>
internal sealed class DeepSeekWordScanner : PatternMatcher
{
    private const uint Marked = Letter | Mark;
    private const uint Signs = Punctuation | Symbol;

    public override int Match(ReadOnlySpan<byte> text, int start, MatchScratch scratch)
    {
        var code = Utf8.ReadAt(text, start, out var length);
        var kind = Of(code);
        var next = start + length;
        if (code < 0x80 && (kind & Signs) != 0 && SkipAsciiLetters(text, next) is var ascii && ascii > next)
        {
            return ascii;
        }
        if (MatchWord(text, next, kind, code) is >= 0 and var word) return word;
        var signs = (kind & Signs) != 0 ? start : code == ' ' ? next : text.Length;
        if (Utf8.SkipClass(text, signs, Signs) is var after && after > signs) return SkipLineBreaks(text, after);
        return (kind & Space) != 0 ? WhiteSpace.Match(text, start, stopAfterLineBreaks: true) : NoMatch;
    }

    /// <summary><c>[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+</c>.</summary>
    private static int MatchWord(ReadOnlySpan<byte> text, int next, uint kind, int code)
    {
        if ((kind & Marked) != 0) return Utf8.SkipClass(text, next, Marked);
        var canLead = (kind & Signs) == 0 && code is not ('\r' or '\n');
        return canLead && Utf8.SkipClass(text, next, Marked) is var word && word > next ? word : NoMatch;
    }

    private static int SkipAsciiLetters(ReadOnlySpan<byte> text, int position)
    {
        while (position < text.Length && char.IsAsciiLetter((char)text[position])) position++;
        return position;
    }

    private static int SkipLineBreaks(ReadOnlySpan<byte> text, int position)
    {
        while (position < text.Length && text[position] is (byte)'\r' or (byte)'\n') position++;
        return position;
    }
}
