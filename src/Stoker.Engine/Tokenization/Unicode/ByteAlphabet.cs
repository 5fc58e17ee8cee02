namespace Stoker.Engine.Tokenization.Unicode;

/// <summary>
/// The 256 printable characters that byte-level tokenizers write instead of bytes: printable Latin-1 stands for itself,
/// the other 68 bytes follow from U+0100.
/// </summary>
internal static class ByteAlphabet
{
    private static readonly char[] Characters = Build();
    private static readonly short[] Bytes = Invert();

    public static char ToCharacter(byte value) => Characters[value];

    /// <summary>The byte that the character stands for, or -1.</summary>
    public static int ToByte(int codePoint) => (uint)codePoint < (uint)Bytes.Length ? Bytes[codePoint] : -1;

    /// <summary>
    /// Turns alphabet text (UTF-8) back into bytes; false, with nothing to rely on in the target, when a character is
    /// not of the alphabet.
    /// </summary>
    public static bool TryDecode(ReadOnlySpan<byte> text, Span<byte> target, out int written)
    {
        written = 0;
        for (var i = 0; i < text.Length;)
        {
            var value = ToByte(Utf8.ReadAt(text, i, out var length));
            if (value < 0) return false;
            target[written++] = (byte)value;
            i += length;
        }

        return true;
    }

    private static char[] Build()
    {
        var characters = new char[256];
        var next = (char)0x100;
        for (var value = 0; value < 256; value++)
        {
            var printable = value is (>= 0x21 and <= 0x7E) or (>= 0xA1 and <= 0xAC) or (>= 0xAE and <= 0xFF);
            characters[value] = printable ? (char)value : next++;
        }

        return characters;
    }

    private static short[] Invert()
    {
        var bytes = new short[0x100 + 68];
        Array.Fill(bytes, (short)-1);
        for (var value = 0; value < 256; value++) bytes[Characters[value]] = (short)value;
        return bytes;
    }
}
