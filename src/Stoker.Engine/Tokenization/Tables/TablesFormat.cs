using System.Buffers.Binary;
using Stoker.Engine.Native;

namespace Stoker.Engine.Tokenization.Tables;

/// <summary>
/// The frame of the tables: a header of 64 bytes, a directory, and the parts, each at a multiple of 64 bytes.
/// </summary>
/// <remarks>
/// Header: magic (8 bytes), version (4), count of parts (4), length of the whole (8), zeros (24), checksum (16).
/// Directory: offset and length in bytes of every <see cref="TablePart"/>, 4 bytes each. The checksum covers all that
/// follows the header, fill bytes too; the header's other fields have one right value each, so no damage goes unseen.
/// </remarks>
internal static class TablesFormat
{
    public const string Name = "tokenizer tables";

    /// <summary>
    /// To be raised with any change of the parts, of the hash, or of what normalizing makes of an added token.
    /// </summary>
    public const uint Version = 1;

    private const int HeaderBytes = 64;
    private const int ChecksumAt = 48;
    private const int Align = SectionChecksum.BlockBytes;
    private const int EntryBytes = 8;

    public const int PartCount = (int)TablePart.After + 1;

    private static ReadOnlySpan<byte> Magic => "STOKERTK"u8;

    private const int FirstPart = HeaderBytes + (((PartCount * EntryBytes) + Align - 1) & ~(Align - 1));

    /// <summary>Bytes of the whole.</summary>
    public static int SizeOf(ReadOnlySpan<FlatBytes> parts)
    {
        var size = FirstPart;
        foreach (var part in parts) size = checked(size + Aligned(part.Length));
        return size;
    }

    public static void Write(ReadOnlySpan<FlatBytes> parts, Stream target)
    {
        var directory = Directory(parts);
        var checksum = new SectionChecksum();
        checksum.Add(directory);
        foreach (var part in parts) checksum.Add(part.Span);
        Span<byte> header = stackalloc byte[HeaderBytes];
        WriteHeader(header, SizeOf(parts));
        checksum.Write(header[ChecksumAt..]);
        target.Write(header);
        target.Write(directory);
        Span<byte> zeros = stackalloc byte[Align];
        zeros.Clear();
        foreach (var part in parts)
        {
            target.Write(part.Span);
            target.Write(zeros[..(Aligned(part.Length) - part.Length)]);
        }
    }

    /// <summary>The parts of a section, each within it; reads all of it once, for the checksum.</summary>
    /// <exception cref="ModelLoadException">It is of another version, cut, or damaged.</exception>
    public static FlatBytes[] Read(FixedMemory section)
    {
        ReadOnlySpan<byte> bytes = section.GetSpan();
        if (bytes.Length < FirstPart || !bytes.StartsWith(Magic)) throw Error("are not what this program wrote");
        CheckHeader(bytes);
        var checksum = new SectionChecksum();
        checksum.Add(bytes[HeaderBytes..]);
        if (!checksum.Matches(bytes.Slice(ChecksumAt, SectionChecksum.SizeBytes)))
        {
            throw Error("are damaged: the checksum does not match");
        }

        var parts = new FlatBytes[PartCount];
        for (var part = 0; part < PartCount; part++)
        {
            var entry = bytes.Slice(HeaderBytes + (part * EntryBytes), EntryBytes);
            var offset = BinaryPrimitives.ReadUInt32LittleEndian(entry);
            var length = BinaryPrimitives.ReadUInt32LittleEndian(entry[4..]);
            if (offset % Align != 0 || offset < FirstPart || offset + (ulong)length > (ulong)bytes.Length)
            {
                throw Error($"hold {(TablePart)part} at {offset} with {length} bytes, which is not in their {bytes.Length} bytes");
            }

            parts[part] = new FlatBytes(section, (int)offset, (int)length);
        }

        return parts;
    }

    public static ModelLoadException Error(string reason) => new(Name, null, reason);

    private static void CheckHeader(ReadOnlySpan<byte> bytes)
    {
        var version = BinaryPrimitives.ReadUInt32LittleEndian(bytes[8..]);
        if (version != Version || !BitConverter.IsLittleEndian)
        {
            throw Error($"have version {version}; this program reads version {Version} on a little-endian machine");
        }

        Span<byte> expected = stackalloc byte[HeaderBytes];
        WriteHeader(expected, bytes.Length);
        if (!bytes[..ChecksumAt].SequenceEqual(expected[..ChecksumAt]))
        {
            throw Error($"are cut or damaged: the header does not fit their {bytes.Length} bytes");
        }
    }

    private static void WriteHeader(Span<byte> header, int length)
    {
        header.Clear();
        Magic.CopyTo(header);
        BinaryPrimitives.WriteUInt32LittleEndian(header[8..], Version);
        BinaryPrimitives.WriteInt32LittleEndian(header[12..], PartCount);
        BinaryPrimitives.WriteInt64LittleEndian(header[16..], length);
    }

    private static byte[] Directory(ReadOnlySpan<FlatBytes> parts)
    {
        var directory = new byte[FirstPart - HeaderBytes];
        var offset = FirstPart;
        for (var part = 0; part < parts.Length; part++)
        {
            var entry = directory.AsSpan(part * EntryBytes);
            BinaryPrimitives.WriteInt32LittleEndian(entry, offset);
            BinaryPrimitives.WriteInt32LittleEndian(entry[4..], parts[part].Length);
            offset += Aligned(parts[part].Length);
        }

        return directory;
    }

    private static int Aligned(int bytes) => checked(bytes + Align - 1) & ~(Align - 1);
}
