namespace Stoker.Engine.Weights.Packed;

/// <summary>The list of a packed file's items, in the order they lie in the file.</summary>
/// <remarks>
/// Where an item lies follows from those before it; the file says it all the same, and reading holds one against the
/// other. So no offset of a file is ever trusted: it is right or the file is refused.
/// </remarks>
internal static class PackedDirectory
{
    /// <summary>Far above any weight's side (a 4M vocabulary, fused gates of 2M); keeps every product in 64 bits.</summary>
    private const int MaxSide = 1 << 24;

    /// <summary>Gives each item its place. Checksums are still 0.</summary>
    public static IReadOnlyList<PackedEntry> Place(IReadOnlyList<PackItem> items, long panelsOffset)
    {
        var (matrixEnd, vectorEnd, entries) = (panelsOffset, 0L, new List<PackedEntry>(items.Count));
        foreach (var item in items)
        {
            var offset = item.IsMatrix ? PackedFormat.AlignUp(matrixEnd, PackedFormat.PageBytes) : vectorEnd;
            var entry = new PackedEntry(item.Name, item.IsMatrix, item.Format, item.Rows, item.Columns, offset, item.SizeBytes, 0);
            entries.Add(entry);
            if (item.IsMatrix) matrixEnd = entry.End;
            else vectorEnd = entry.End;
        }

        return entries;
    }

    public static byte[] ToBytes(IReadOnlyList<PackedEntry> entries)
    {
        var writer = new SectionWriter();
        foreach (var entry in entries)
        {
            writer.Text(entry.Name);
            writer.Byte(entry.IsMatrix ? (byte)1 : (byte)0);
            writer.Byte((byte)entry.Format);
            writer.Int32(entry.Rows);
            writer.Int32(entry.Columns);
            writer.Int64(entry.Offset);
            writer.Int64(entry.Length);
            writer.UInt32(entry.Checksum);
        }

        return writer.ToArray();
    }

    /// <exception cref="PackedFileException">An entry that is not exactly where and as large as it must be.</exception>
    public static IReadOnlyList<PackedEntry> Read(ReadOnlySpan<byte> bytes, PackedHeader header)
    {
        var reader = new SectionReader("directory", bytes);
        var (matrixEnd, vectorEnd, names) = (header.PanelsOffset, 0L, new HashSet<string>(StringComparer.Ordinal));
        var entries = new List<PackedEntry>();
        while (entries.Count < header.ItemCount)
        {
            var entry = new PackedEntry(
                reader.Text(), reader.Byte() != 0, (WeightFormat)reader.Byte(), reader.Int32(), reader.Int32(), reader.Int64(),
                reader.Int64(), reader.UInt32());
            CheckSize(entry);
            var place = entry.IsMatrix ? PackedFormat.AlignUp(matrixEnd, PackedFormat.PageBytes) : vectorEnd;
            if (entry.Offset != place || !names.Add(entry.Name))
            {
                throw new PackedFileException("has a directory with an item in the wrong place");
            }

            if (entry.IsMatrix) matrixEnd = entry.End;
            else vectorEnd = entry.End;
            entries.Add(entry);
        }

        if (!reader.AtEnd || matrixEnd != header.PanelsOffset + header.PanelsLength || vectorEnd != header.Vectors.Length)
        {
            throw new PackedFileException("has a directory that does not cover its parts");
        }

        return entries;
    }

    private static void CheckSize(PackedEntry entry)
    {
        if (entry.Format is < WeightFormat.F32 or > WeightFormat.Fp4 || entry.Rows is < 1 or > MaxSide || entry.Columns is < 1 or > MaxSide
            || (!entry.IsMatrix && (entry.Rows != 1 || entry.Format != WeightFormat.F32)))
        {
            throw new PackedFileException($"has an item of format {(byte)entry.Format} with {entry.Rows} x {entry.Columns} elements");
        }

        var size = entry.IsMatrix ? PanelLayout.SizeOf(entry.Format, entry.Rows, entry.Columns) : (long)entry.Columns * sizeof(float);
        if (entry.Length != size)
        {
            throw new PackedFileException($"has an item of {entry.Length} bytes where {size} are needed");
        }
    }
}
