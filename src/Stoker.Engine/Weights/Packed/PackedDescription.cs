namespace Stoker.Engine.Weights.Packed;

/// <summary>What the engine says of a checkpoint, so that opening the packed model need not read its headers.</summary>
internal sealed record PackedDescription(long ParameterCount, long WeightBytes, string StoredType)
{
    public byte[] ToBytes()
    {
        var writer = new SectionWriter();
        writer.Int64(ParameterCount);
        writer.Int64(WeightBytes);
        writer.Text(StoredType);
        return writer.ToArray();
    }

    /// <exception cref="PackedFileException">Not a description.</exception>
    public static PackedDescription Read(ReadOnlySpan<byte> bytes)
    {
        var reader = new SectionReader("description", bytes);
        var read = new PackedDescription(reader.Int64(), reader.Int64(), reader.Text());
        return reader.AtEnd && read.ParameterCount > 0 && read.WeightBytes > 0
            ? read
            : throw new PackedFileException("has a description that makes no sense");
    }
}
