using Stoker.Engine.Tokenization.Patterns;
using Stoker.Engine.Tokenization.Splitting;
using Stoker.Engine.Tokenization.Unicode;

namespace Stoker.Engine.Tokenization.Normalizers;

/// <summary>Drops white space at the ends.</summary>
internal sealed class StripNormalizer(bool left, bool right) : Normalizer
{
    public override void Apply(ReadOnlySpan<byte> text, Utf8Buffer target, MatchScratch scratch)
    {
        var start = left ? Utf8.SkipClass(text, 0, CharacterClass.Space) : 0;
        var end = right ? Utf8.SkipClassBack(text, text.Length, CharacterClass.Space) : text.Length;
        if (start < end) target.Append(text[start..end]);
    }
}

/// <summary>Puts a text in front. An empty text, which gets nothing, never comes here.</summary>
internal sealed class PrependNormalizer(byte[] prefix) : Normalizer
{
    public override void Apply(ReadOnlySpan<byte> text, Utf8Buffer target, MatchScratch scratch)
    {
        scratch.Spend(prefix.Length); // a text of many special tokens has as many pieces, each with the prefix
        target.Append(prefix);
        target.Append(text);
    }
}

/// <summary>
/// Replaces every match of a pattern. What is put in counts as steps: forty replacements of a by aa, one after the
/// other, would fill any memory.
/// </summary>
internal sealed class ReplaceNormalizer(PatternMatcher pattern, byte[] content) : Normalizer
{
    public override void Apply(ReadOnlySpan<byte> text, Utf8Buffer target, MatchScratch scratch)
    {
        var segments = new Segments(text, pattern, scratch);
        while (segments.MoveNext())
        {
            if (segments.IsMatch) scratch.Spend(content.Length);
            target.Append(segments.IsMatch ? content : text[segments.Current]);
        }
    }
}
