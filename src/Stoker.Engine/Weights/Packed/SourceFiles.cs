namespace Stoker.Engine.Weights.Packed;

/// <summary>The fingerprint of a model folder: every file that a byte of the packed model depends on.</summary>
/// <remarks>
/// Chat template and generation defaults are not among them: they stay in the folder and are read from there, so that
/// editing them needs no packing.
/// </remarks>
internal static class SourceFiles
{
    private const int MaxFiles = 10_000;

    /// <summary>What <see cref="Checkpoint.Open"/>, the config and the tokenizer read, and what would change their
    /// choice if it appeared.</summary>
    private static readonly string[] Fixed =
        ["config.json", "tokenizer.json", Checkpoint.SingleFileName, ShardIndex.FileName];

    /// <exception cref="ModelLoadException">A file cannot be read, or the index is broken.</exception>
    public static IReadOnlyList<SourceFile> Of(string folder)
    {
        IEnumerable<string> shards = File.Exists(Path.Combine(folder, Checkpoint.SingleFileName)) || !File.Exists(Path.Combine(folder, ShardIndex.FileName))
            ? []
            : ShardIndex.Read(folder).Values.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal);
        var name = "";
        try
        {
            return [.. Fixed.Concat(shards).Select(file => SourceFile.Of(folder, name = file))];
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new ModelLoadException(name, null, $"cannot be read ({error.Message})", error);
        }
    }

    /// <summary>Looks at the recorded files again.</summary>
    /// <exception cref="PackedFileException">Names the first one that is not as it was.</exception>
    public static void RequireUnchanged(IReadOnlyList<SourceFile> recorded, string folder)
    {
        foreach (var file in recorded)
        {
            if (LookAgain(folder, file.Name) != file) throw new PackedFileException($"was made of another {file.Name}");
        }
    }

    public static byte[] ToBytes(IReadOnlyList<SourceFile> files)
    {
        var writer = new SectionWriter();
        writer.Int32(files.Count);
        foreach (var file in files)
        {
            writer.Text(file.Name);
            writer.Int64(file.SizeBytes);
            writer.Int64(file.ModifiedTicks);
            writer.UInt32(file.EndsChecksum);
        }

        return writer.ToArray();
    }

    /// <exception cref="PackedFileException">Not a list that this program wrote.</exception>
    public static IReadOnlyList<SourceFile> Read(ReadOnlySpan<byte> bytes)
    {
        var reader = new SectionReader("list of sources", bytes);
        var count = reader.Int32();
        if (count < Fixed.Length || count > MaxFiles) throw new PackedFileException($"claims {count} sources");
        var files = new List<SourceFile>();
        while (files.Count < count)
        {
            var name = reader.Text();
            // No path is made of what a file says: a name with a separator would look elsewhere.
            if (files.Count < Fixed.Length ? name != Fixed[files.Count] : !ShardIndex.IsBareName(name))
            {
                throw new PackedFileException("names a source that no model consists of");
            }

            files.Add(new(name, reader.Int64(), reader.Int64(), reader.UInt32()));
        }

        return reader.AtEnd ? files : throw new PackedFileException("has a list of sources with a tail");
    }

    private static SourceFile? LookAgain(string folder, string name)
    {
        try
        {
            return SourceFile.Of(folder, name);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
