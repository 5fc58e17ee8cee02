using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace Stoker.Engine.Weights.Packed;

/// <summary>Reads a section's values one after the other; the end of the bytes is an error, never a crash.</summary>
internal ref struct SectionReader(string section, ReadOnlySpan<byte> bytes)
{
    private ReadOnlySpan<byte> _rest = bytes;

    public readonly bool AtEnd => _rest.IsEmpty;

    public byte Byte() => Take(1)[0];

    public int Int32() => BinaryPrimitives.ReadInt32LittleEndian(Take(4));

    public uint UInt32() => BinaryPrimitives.ReadUInt32LittleEndian(Take(4));

    public long Int64() => BinaryPrimitives.ReadInt64LittleEndian(Take(8));

    /// <summary>UTF-8 behind its length in two bytes.</summary>
    public string Text()
    {
        var bytes = Take(BinaryPrimitives.ReadUInt16LittleEndian(Take(2)));
        return System.Text.Unicode.Utf8.IsValid(bytes)
            ? Encoding.UTF8.GetString(bytes)
            : throw new PackedFileException($"has a {section} with a name that is no text");
    }

    private ReadOnlySpan<byte> Take(int count)
    {
        if (count > _rest.Length) throw new PackedFileException($"has a {section} that ends in the middle of an entry");
        var taken = _rest[..count];
        _rest = _rest[count..];
        return taken;
    }
}

/// <summary>The other direction.</summary>
internal sealed class SectionWriter
{
    private readonly ArrayBufferWriter<byte> _bytes = new();

    public byte[] ToArray() => _bytes.WrittenSpan.ToArray();

    public void Byte(byte value) => Take(1)[0] = value;

    public void Int32(int value) => BinaryPrimitives.WriteInt32LittleEndian(Take(4), value);

    public void UInt32(uint value) => BinaryPrimitives.WriteUInt32LittleEndian(Take(4), value);

    public void Int64(long value) => BinaryPrimitives.WriteInt64LittleEndian(Take(8), value);

    /// <exception cref="ArgumentException">The text takes more than 65,535 bytes.</exception>
    public void Text(string value)
    {
        var length = Encoding.UTF8.GetByteCount(value);
        if (length > ushort.MaxValue) throw new ArgumentException($"a name of {length} bytes does not fit", nameof(value));
        BinaryPrimitives.WriteUInt16LittleEndian(Take(2), (ushort)length);
        Encoding.UTF8.GetBytes(value, Take(length));
    }

    private Span<byte> Take(int count)
    {
        var taken = _bytes.GetSpan(count)[..count];
        _bytes.Advance(count);
        return taken;
    }
}
