using Stoker.Engine.Tokenization.Unicode;
using static Stoker.Engine.Tokenization.Unicode.CharacterClass;

namespace Stoker.Engine.Tokenization.Patterns;

/// <summary>
/// The o200k family (GPT-4o, Llama-4) and Tekken, which also cut where lower case turns to upper case. With U = Lu Lt
/// Lm Lo M and W = Ll Lm Lo M:
/// <c>[^\r\n\p{L}\p{N}]?U*W+CONTRACTION?|[^\r\n\p{L}\p{N}]?U+W*CONTRACTION?|\p{N}{1,DIGITS}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+</c>.
/// </summary>
/// <param name="contractions">Whether a word takes its English ending along.</param>
/// <param name="maxDigits">Numbers are cut into groups of so many digits.</param>
internal sealed class CasedWordScanner(bool contractions, int maxDigits) : PatternMatcher
{
    private const uint Upper = UppercaseLetter | TitlecaseLetter | ModifierLetter | OtherLetter | Mark;
    private const uint Lower = LowercaseLetter | ModifierLetter | OtherLetter | Mark;
    private const uint Other = ~(Space | Letter | Number);

    public override int Match(ReadOnlySpan<byte> text, int start, MatchScratch scratch)
    {
        var code = Utf8.ReadAt(text, start, out var length);
        var kind = Of(code);
        var next = start + length;
        if (MatchWord(text, start, next, kind, code) is >= 0 and var word) return word + EndingAt(text, word);
        if ((kind & Number) != 0) return SkipDigits(text, next);
        if ((kind & Space) == 0) return SkipLineBreaks(text, Utf8.SkipClass(text, next, Other));
        if (code == ' ' && Utf8.SkipClass(text, next, Other) is var others && others > next)
        {
            return SkipLineBreaks(text, others);
        }
        return WhiteSpace.Match(text, start, stopAfterLineBreaks: true);
    }

    /// <summary>
    /// The first two alternatives. A mark may be the leading character or the word itself; the leading character is
    /// tried first.
    /// </summary>
    private static int MatchWord(ReadOnlySpan<byte> text, int start, int next, uint kind, int code)
    {
        var canLead = (kind & (Letter | Number)) == 0 && code is not ('\r' or '\n');
        if (canLead && MatchLower(text, next) is >= 0 and var afterLead) return afterLead;
        if ((kind & (Letter | Mark)) != 0 && MatchLower(text, start) is >= 0 and var word) return word;
        var from = canLead ? next : start;
        return Utf8.SkipClass(text, from, Upper) is var upper && upper > from ? upper : NoMatch;
    }

    /// <summary>
    /// <c>U*W+</c>: through U as far as it goes, then W; where no W follows, back to the last character that is both.
    /// </summary>
    private static int MatchLower(ReadOnlySpan<byte> text, int start)
    {
        var upper = Utf8.SkipClass(text, start, Upper);
        var lower = Utf8.SkipClass(text, upper, Lower);
        if (lower > upper) return lower;
        while (upper > start)
        {
            if (IsIn(Utf8.ReadBefore(text, upper, out var length), Lower)) return upper;
            upper -= length;
        }

        return NoMatch;
    }

    private int EndingAt(ReadOnlySpan<byte> text, int position) =>
        contractions ? Contraction.LengthAt(text, position, ignoreCase: true) : 0;

    private int SkipDigits(ReadOnlySpan<byte> text, int position)
    {
        for (var digits = 1; digits < maxDigits && position < text.Length; digits++)
        {
            if (!IsIn(Utf8.ReadAt(text, position, out var length), Number)) break;
            position += length;
        }

        return position;
    }

    private static int SkipLineBreaks(ReadOnlySpan<byte> text, int position)
    {
        while (position < text.Length && text[position] is (byte)'\r' or (byte)'\n' or (byte)'/') position++;
        return position;
    }
}
