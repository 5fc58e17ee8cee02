using System.Text;

namespace Stoker.Engine.Tokenization.Unicode;

/// <summary>
/// Code points of UTF-8 text that is known to be valid: everything inside the tokenizer is, because it comes from
/// UTF-16 with replacement.
/// </summary>
internal static class Utf8
{
    /// <summary>The code point that starts at the position, and its length in bytes.</summary>
    public static int ReadAt(ReadOnlySpan<byte> text, int position, out int length)
    {
        int lead = text[position];
        if (lead < 0x80)
        {
            length = 1;
            return lead;
        }

        if (lead < 0xE0)
        {
            length = 2;
            return ((lead & 0x1F) << 6) | (text[position + 1] & 0x3F);
        }

        if (lead < 0xF0)
        {
            length = 3;
            return ((lead & 0xF) << 12) | ((text[position + 1] & 0x3F) << 6) | (text[position + 2] & 0x3F);
        }

        length = 4;
        return ((lead & 7) << 18) | ((text[position + 1] & 0x3F) << 12) | ((text[position + 2] & 0x3F) << 6) | (text[position + 3] & 0x3F);
    }

    /// <summary>The code point that ends just before the position, which is above 0.</summary>
    public static int ReadBefore(ReadOnlySpan<byte> text, int position, out int length)
    {
        var start = position - 1;
        while ((text[start] & 0xC0) == 0x80) start--;
        return ReadAt(text, start, out length);
    }

    /// <summary>Position after the run of characters of the mask that starts at the position.</summary>
    public static int SkipClass(ReadOnlySpan<byte> text, int position, uint mask)
    {
        while (position < text.Length && CharacterClass.IsIn(ReadAt(text, position, out var length), mask))
        {
            position += length;
        }
        return position;
    }

    /// <summary>Start of the run of characters of the mask that ends at the position.</summary>
    public static int SkipClassBack(ReadOnlySpan<byte> text, int position, uint mask)
    {
        while (position > 0 && CharacterClass.IsIn(ReadBefore(text, position, out var length), mask))
        {
            position -= length;
        }
        return position;
    }

    /// <summary>Writes one code point; the target has room for four bytes. A surrogate becomes U+FFFD.</summary>
    public static int Write(int codePoint, Span<byte> target) =>
        (Rune.IsValid(codePoint) ? new Rune(codePoint) : Rune.ReplacementChar).EncodeToUtf8(target);
}
