using Stoker.Engine.Tokenization.Unicode;
using static Stoker.Engine.Tokenization.Unicode.CharacterClass;

namespace Stoker.Engine.Tokenization.Patterns;

/// <summary>
/// GPT-2's pattern: <c>'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+</c>.
/// </summary>
internal sealed class Gpt2Scanner : PatternMatcher
{
    public override int Match(ReadOnlySpan<byte> text, int start, MatchScratch scratch)
    {
        if (Contraction.LengthAt(text, start, ignoreCase: false) is > 0 and var contraction) return start + contraction;
        var from = text[start] == ' ' && start + 1 < text.Length ? start + 1 : start;
        var kind = Of(Utf8.ReadAt(text, from, out var length));
        if ((kind & Space) != 0) return WhiteSpace.Match(text, start, stopAfterLineBreaks: false);
        var run = (kind & Letter) != 0 ? Letter : (kind & Number) != 0 ? Number : ~(Space | Letter | Number);
        return Utf8.SkipClass(text, from + length, run);
    }
}
