using Stoker.Engine.Tokenization.Unicode;
using static Stoker.Engine.Tokenization.Unicode.CharacterClass;

namespace Stoker.Engine.Tokenization.Patterns;

/// <summary>
/// The Llama-3 family: <c>(?i:'s|..)|[^\r\n\p{L}\p{N}]?LETTERS+|\p{N}{1,DIGITS}| ?[^\s LETTERS
/// \p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+</c>. It matches at every position.
/// </summary>
/// <param name="letters">The class of a word's characters.</param>
/// <param name="maxDigits">Numbers are cut into groups of so many digits.</param>
internal sealed class WordScanner(uint letters, int maxDigits) : PatternMatcher
{
    private readonly uint _notOther = Space | Number | letters;

    public override int Match(ReadOnlySpan<byte> text, int start, MatchScratch scratch)
    {
        if (Contraction.LengthAt(text, start, ignoreCase: true) is > 0 and var contraction) return start + contraction;
        var code = Utf8.ReadAt(text, start, out var length);
        var kind = Of(code);
        var next = start + length;
        if ((kind & letters) != 0) return Utf8.SkipClass(text, next, letters);
        if ((kind & Number) != 0) return SkipDigits(text, next);

        // Any one character but a line break or a number may lead a word.
        if (code is not ('\r' or '\n') && Utf8.SkipClass(text, next, letters) is var word && word > next) return word;
        if ((kind & Space) == 0) return SkipLineBreaks(text, Utf8.SkipClass(text, next, ~_notOther));
        if (code == ' ' && Utf8.SkipClass(text, next, ~_notOther) is var others && others > next)
        {
            return SkipLineBreaks(text, others);
        }
        return WhiteSpace.Match(text, start, stopAfterLineBreaks: true);
    }

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
        while (position < text.Length && text[position] is (byte)'\r' or (byte)'\n') position++;
        return position;
    }
}
