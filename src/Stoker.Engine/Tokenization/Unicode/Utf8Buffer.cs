using System.Buffers;

namespace Stoker.Engine.Tokenization.Unicode;

/// <summary>
/// UTF-8 text that grows. Reused between calls; what grew beyond <see cref="Kept"/> is given back at <see
/// cref="Clear"/>.
/// </summary>
internal sealed class Utf8Buffer
{
    /// <summary>
    /// Bytes kept between calls: covers ordinary prompts, and a single huge one does not stay in memory.
    /// </summary>
    private const int Kept = 256 * 1024;

    private byte[] _bytes = [];

    public int Length { get; private set; }

    public ReadOnlySpan<byte> Text => _bytes.AsSpan(0, Length);

    public void Clear()
    {
        Length = 0;
        if (_bytes.Length > Kept) _bytes = [];
    }

    /// <summary>Empties it for the next use in the same call.</summary>
    public void Reset() => Length = 0;

    public void Append(ReadOnlySpan<byte> text)
    {
        text.CopyTo(Room(text.Length));
        Length += text.Length;
    }

    public void Append(byte value)
    {
        Room(1)[0] = value;
        Length++;
    }

    public void Append(int codePoint) => Length += Utf8.Write(codePoint, Room(4));

    /// <summary>Appends UTF-16 text; lone surrogates become U+FFFD.</summary>
    public void Append(ReadOnlySpan<char> text)
    {
        while (true)
        {
            // Three bytes a unit is the worst case; ordinary text needs little more than one, so start small and go on
            // where the room ended.
            var room = Room(text.Length <= 1024 ? text.Length * 3 : text.Length + (text.Length >> 3) + 16);
            var status = System.Text.Unicode.Utf8.FromUtf16(text, room, out var read, out var written);
            Length += written;
            if (status == OperationStatus.Done) return;
            text = text[read..];
        }
    }

    private Span<byte> Room(int size)
    {
        if (_bytes.Length - Length < size)
        {
            Array.Resize(ref _bytes, (int)Math.Min(Array.MaxLength, Math.Max((long)Length + size, Math.Max(256, 2L * Length))));
        }

        return _bytes.AsSpan(Length);
    }
}
