using System.Text;
using Stoker.Engine.Tokenization.Patterns;
using Stoker.Engine.Tokenization.Unicode;

namespace Stoker.Engine.Tokenization.Normalizers;

/// <summary>NFC, NFD, NFKC, NFKD.</summary>
internal sealed class UnicodeNormalizer(UnicodeForm form) : Normalizer
{
    public override bool MayChange(ReadOnlySpan<byte> text) => !Normalization.IsSurely(form, text);

    public override void Apply(ReadOnlySpan<byte> text, Utf8Buffer target, MatchScratch scratch) =>
        Normalization.Apply(form, text, target);
}

/// <summary>Lower case, character by character, without regard to language or position.</summary>
internal sealed class LowercaseNormalizer : Normalizer
{
    public override void Apply(ReadOnlySpan<byte> text, Utf8Buffer target, MatchScratch scratch)
    {
        for (var position = 0; position < text.Length;)
        {
            CaseMapping.AppendLower(Utf8.ReadAt(text, position, out var length), target);
            position += length;
        }
    }
}

/// <summary>Drops marks of every kind. It decomposes nothing: files put NFD before it.</summary>
internal sealed class StripAccentsNormalizer : Normalizer
{
    public override bool MayChange(ReadOnlySpan<byte> text) => !Ascii.IsValid(text);

    public override void Apply(ReadOnlySpan<byte> text, Utf8Buffer target, MatchScratch scratch)
    {
        for (var position = 0; position < text.Length;)
        {
            var code = Utf8.ReadAt(text, position, out var length);
            if (!CharacterClass.IsIn(code, CharacterClass.Mark)) target.Append(text.Slice(position, length));
            position += length;
        }
    }
}

/// <summary>Writes every byte as a character of the byte alphabet.</summary>
internal sealed class ByteLevelNormalizer : Normalizer
{
    public override void Apply(ReadOnlySpan<byte> text, Utf8Buffer target, MatchScratch scratch)
    {
        foreach (var value in text) target.Append((int)ByteAlphabet.ToCharacter(value));
    }
}
