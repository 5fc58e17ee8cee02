namespace Stoker.Engine.Tokenization.Patterns;

/// <summary>The English endings <c>'s 't 're 've 'm 'll 'd</c> that most split patterns keep together.</summary>
internal static class Contraction
{
    /// <summary>Length of the ending at the position, or 0.</summary>
    public static int LengthAt(ReadOnlySpan<byte> text, int position, bool ignoreCase)
    {
        if (position + 1 >= text.Length || text[position] != '\'') return 0;
        var first = Fold(text[position + 1], ignoreCase);
        if (first is (byte)'s' or (byte)'t' or (byte)'m' or (byte)'d') return 2;
        if (position + 2 >= text.Length) return 0;
        var second = Fold(text[position + 2], ignoreCase);
        if ((first, second) is ((byte)'r', (byte)'e') or ((byte)'v', (byte)'e') or ((byte)'l', (byte)'l')) return 3;
        // U+017F, the long s, is an s without case.
        return ignoreCase && text[position + 1] == 0xC5 && text[position + 2] == 0xBF ? 3 : 0;
    }

    private static byte Fold(byte value, bool ignoreCase) =>
        ignoreCase && value is >= (byte)'A' and <= (byte)'Z' ? (byte)(value | 0x20) : value;
}
