using System.Buffers.Binary;
using System.Text;

namespace Stoker.Engine.Weights.Packed;

/// <summary>A part of the file that is read and checked as a whole at open.</summary>
internal readonly record struct PackedSection(long Offset, long Length, uint Checksum);

/// <summary>The first page of a packed file: what it is, whose it is, and where its parts lie.</summary>
internal sealed record PackedHeader
{
    private const int NameBytes = 16;
    private const int LayoutBytes = 32;
    private const int SectionBytes = 24;
    private const int ChecksumAt = 12;
    private const int LayoutAt = 16;
    private const int PrecisionAt = LayoutAt + LayoutBytes;
    private const int ServesAt = PrecisionAt + NameBytes;
    private const int ItemCountAt = ServesAt + 4;
    private const int FileLengthAt = ItemCountAt + 4;
    private const int SectionsAt = FileLengthAt + 8;
    private const int PanelsAt = SectionsAt + (5 * SectionBytes);

    public required string Layout { get; init; }

    /// <summary>The precision that was asked for, as the command line spells it.</summary>
    public required string Precision { get; init; }

    /// <summary>Bit (1 &lt;&lt; precision) of each precision that gives exactly these items for this source.</summary>
    public required uint Serves { get; init; }

    public required int ItemCount { get; init; }

    public required long FileLength { get; init; }

    public required PackedSection Sources { get; init; }

    public required PackedSection Directory { get; init; }

    public required PackedSection Description { get; init; }

    public required PackedSection Vectors { get; init; }

    /// <summary>Of length 0 when the file has none.</summary>
    public required PackedSection Tokenizer { get; init; }

    public required long PanelsOffset { get; init; }

    public required long PanelsLength { get; init; }

    public byte[] ToBytes()
    {
        var page = new byte[PackedFormat.HeaderBytes];
        PackedFormat.Magic.CopyTo(page);
        BinaryPrimitives.WriteUInt32LittleEndian(page.AsSpan(8), PackedFormat.Version);
        Encoding.ASCII.GetBytes(Layout).CopyTo(page.AsSpan(LayoutAt, LayoutBytes));
        Encoding.ASCII.GetBytes(Precision).CopyTo(page.AsSpan(PrecisionAt, NameBytes));
        BinaryPrimitives.WriteUInt32LittleEndian(page.AsSpan(ServesAt), Serves);
        BinaryPrimitives.WriteInt32LittleEndian(page.AsSpan(ItemCountAt), ItemCount);
        BinaryPrimitives.WriteInt64LittleEndian(page.AsSpan(FileLengthAt), FileLength);
        PackedSection[] sections = [Sources, Directory, Description, Vectors, Tokenizer];
        for (var i = 0; i < sections.Length; i++) Write(page.AsSpan(SectionsAt + (i * SectionBytes)), sections[i]);
        BinaryPrimitives.WriteInt64LittleEndian(page.AsSpan(PanelsAt), PanelsOffset);
        BinaryPrimitives.WriteInt64LittleEndian(page.AsSpan(PanelsAt + 8), PanelsLength);
        BinaryPrimitives.WriteUInt32LittleEndian(page.AsSpan(ChecksumAt), Checksum.Of(page)); // of the page with zero here
        return page;
    }

    /// <summary>Checked in this order: magic, version, checksum, layout, then every figure.</summary>
    /// <exception cref="PackedFileException">The file is not one that this program wrote for this machine, or
    /// broken.</exception>
    public static PackedHeader Read(ReadOnlySpan<byte> page, long fileLength)
    {
        if (!page.StartsWith(PackedFormat.Magic)) throw new PackedFileException("is no packed model");
        var version = BinaryPrimitives.ReadUInt32LittleEndian(page[8..]);
        if (version != PackedFormat.Version)
        {
            throw new PackedFileException($"is of format version {version}, this program reads {PackedFormat.Version}");
        }

        var copy = page.ToArray();
        copy.AsSpan(ChecksumAt, 4).Clear();
        if (BinaryPrimitives.ReadUInt32LittleEndian(page[ChecksumAt..]) != Checksum.Of(copy))
        {
            throw new PackedFileException("has a damaged header");
        }

        var layout = Text(page.Slice(LayoutAt, LayoutBytes));
        if (layout != PackedFormat.Layout)
        {
            throw new PackedFileException($"is laid out for '{layout}', this machine uses '{PackedFormat.Layout}'");
        }

        var header = new PackedHeader
        {
            Layout = layout,
            Precision = Text(page.Slice(PrecisionAt, NameBytes)),
            Serves = BinaryPrimitives.ReadUInt32LittleEndian(page[ServesAt..]),
            ItemCount = BinaryPrimitives.ReadInt32LittleEndian(page[ItemCountAt..]),
            FileLength = BinaryPrimitives.ReadInt64LittleEndian(page[FileLengthAt..]),
            Sources = ReadSection(page, 0),
            Directory = ReadSection(page, 1),
            Description = ReadSection(page, 2),
            Vectors = ReadSection(page, 3),
            Tokenizer = ReadSection(page, 4),
            PanelsOffset = BinaryPrimitives.ReadInt64LittleEndian(page[PanelsAt..]),
            PanelsLength = BinaryPrimitives.ReadInt64LittleEndian(page[(PanelsAt + 8)..]),
        };
        header.CheckFigures(fileLength);
        return header;
    }

    /// <summary>A right checksum says that the bytes are as written, not that they make sense.</summary>
    private void CheckFigures(long fileLength)
    {
        if (FileLength != fileLength)
        {
            throw new PackedFileException($"has {fileLength} bytes where its header says {FileLength}: it is cut or has a tail");
        }

        if (ItemCount is < 0 or > PackedFormat.MaxItems) throw new PackedFileException($"claims {ItemCount} items");
        PackedSection[] sections = [Sources, Directory, Description, Vectors, Tokenizer];
        foreach (var section in sections)
        {
            if (section.Length is < 0 or > PackedFormat.MaxSectionBytes || !Holds(section.Offset, section.Length))
            {
                throw new PackedFileException($"has a section at {section.Offset} of {section.Length} bytes, outside of its {fileLength}");
            }
        }

        if (!Holds(PanelsOffset, PanelsLength) || PanelsOffset % PackedFormat.HugePageBytes != 0)
        {
            throw new PackedFileException($"has panels at {PanelsOffset} of {PanelsLength} bytes, outside of its {fileLength}");
        }
    }

    private bool Holds(long offset, long length) =>
        offset >= PackedFormat.HeaderBytes && offset % PackedFormat.PageBytes == 0 && length >= 0 && offset <= FileLength
        && length <= FileLength - offset;

    private static void Write(Span<byte> target, PackedSection section)
    {
        BinaryPrimitives.WriteInt64LittleEndian(target, section.Offset);
        BinaryPrimitives.WriteInt64LittleEndian(target[8..], section.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(target[16..], section.Checksum);
    }

    private static PackedSection ReadSection(ReadOnlySpan<byte> page, int index)
    {
        var at = page[(SectionsAt + (index * SectionBytes))..];
        return new(
            BinaryPrimitives.ReadInt64LittleEndian(at), BinaryPrimitives.ReadInt64LittleEndian(at[8..]),
            BinaryPrimitives.ReadUInt32LittleEndian(at[16..]));
    }

    private static string Text(ReadOnlySpan<byte> padded) =>
        Encoding.ASCII.GetString(padded[..(padded.IndexOf((byte)0) is >= 0 and var end ? end : padded.Length)]);
}
