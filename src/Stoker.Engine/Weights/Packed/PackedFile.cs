using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Stoker.Engine.Models;
using Stoker.Engine.Native;
using Stoker.Engine.Tokenization;

namespace Stoker.Engine.Weights.Packed;

/// <summary>An open packed model: checked, its panels mapped and not yet touched.</summary>
/// <remarks>
/// At open: header, sources, directory, description, vectors and tokenizer are checked whole, and the sources are looked
/// at again. Panels are checked by <see cref="VerifyPanels"/> alone: reading gigabytes would cost what the file saves.
/// Matrices and the tokenizer's bytes point into the map.
/// </remarks>
internal sealed unsafe class PackedFile : IDisposable
{
    private readonly MappedRegion? _panels;
    private readonly PackedHeader _header;
    private readonly byte[] _vectors;
    private PageWarmer? _warmer;

    private PackedFile(SafeFileHandle file, string path)
    {
        Path = path;
        var length = RandomAccess.GetLength(file);
        _header = PackedHeader.Read(ReadBytes(file, 0, PackedFormat.HeaderBytes), length);
        Sources = SourceFiles.Read(ReadSection(file, _header.Sources, "sources"));
        Entries = PackedDirectory.Read(ReadSection(file, _header.Directory, "directory"), _header);
        Description = PackedDescription.Read(ReadSection(file, _header.Description, "description"));
        _vectors = ReadSection(file, _header.Vectors, "vectors");
        if (_header.Tokenizer.Length > 0) Tokenizer = OpenTokenizer(file, _header.Tokenizer);
        if (_header.PanelsLength > 0) _panels = new MappedRegion(file, _header.PanelsOffset, _header.PanelsLength);
    }

    public string Path { get; }

    /// <summary>Format of the projections, as options and metrics spell it.</summary>
    public string Precision => _header.Precision;

    public long LengthBytes => _header.FileLength;

    public IReadOnlyList<SourceFile> Sources { get; }

    public IReadOnlyList<PackedEntry> Entries { get; }

    public PackedDescription Description { get; }

    /// <summary>
    /// In the mapped tables; null when the file has none. It may outlive this object: its map goes with the last one who
    /// reaches it.
    /// </summary>
    public Tokenizer? Tokenizer { get; }

    /// <summary>Opens and checks everything but the panels' bytes.</summary>
    /// <param name="folder">Whose sources must be as they were.</param>
    /// <exception cref="PackedFileException">It is not to be used, with the reason. Nothing of it was used.</exception>
    public static PackedFile Open(string path, string folder, Precision precision)
    {
        var file = Open(path);
        try
        {
            if (!file.Serves(precision))
            {
                throw new PackedFileException($"holds {file.Precision}, which is not {PrecisionNames.NameOf(precision)} of this model") { IsOtherPrecision = true };
            }

            SourceFiles.RequireUnchanged(file.Sources, folder);
            return file;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Opens without a look at the sources: for a check of the file itself.</summary>
    /// <exception cref="PackedFileException">As above.</exception>
    public static PackedFile Open(string path)
    {
        try
        {
            using var handle = RegularFile.OpenToRead(path);
            return new PackedFile(handle, path);
        }
        catch (Exception error) when (error is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new PackedFileException("is not there", error);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or ArgumentException or OutOfMemoryException)
        {
            throw new PackedFileException($"cannot be read ({error.Message})", error);
        }
    }

    public bool Serves(Precision precision) => (_header.Serves & Bit(precision)) != 0;

    public static uint Bit(Precision precision) => 1u << (int)precision;

    /// <summary>Everything by name. The weights own this file from here on.</summary>
    public PackedWeights ToWeights()
    {
        var matrices = new Dictionary<string, PanelMatrix>(StringComparer.Ordinal);
        var vectors = new Dictionary<string, float[]>(StringComparer.Ordinal);
        foreach (var entry in Entries)
        {
            if (entry.IsMatrix)
            {
                matrices.Add(entry.Name, new PanelMatrix(entry.Format, entry.Rows, entry.Columns, StartOf(entry), this));
            }
            else
            {
                vectors.Add(entry.Name, MemoryMarshal.Cast<byte, float>(_vectors.AsSpan((int)entry.Offset, (int)entry.Length)).ToArray());
            }
        }

        return new PackedWeights(System.IO.Path.GetFileName(Path), Precision, _header.PanelsLength, matrices, vectors, this);
    }

    /// <summary>Reads every panel.</summary>
    /// <exception cref="PackedFileException">One is not as it was written.</exception>
    public void VerifyPanels(int workers, CancellationToken cancellation)
    {
        var matrices = Entries.Where(entry => entry.IsMatrix).ToList();
        var damaged = -1;
        Parallel.For(
            0, matrices.Count, new ParallelOptions { MaxDegreeOfParallelism = Math.Max(1, workers), CancellationToken = cancellation },
            index =>
            {
                if (ChecksumOf(matrices[index]) != matrices[index].Checksum) Interlocked.CompareExchange(ref damaged, index, -1);
            });
        if (damaged >= 0) throw new PackedFileException($"has damaged panels in '{matrices[damaged].Name}'");
    }

    /// <summary>See <see cref="PageWarmer"/>; ends with this object.</summary>
    /// <param name="weights">This file's own.</param>
    public void StartWarming(PackedWeights weights)
    {
        var parts = new List<PanelMatrix>();
        foreach (var entry in Entries)
        {
            if (entry.IsMatrix && !IsUsedInPart(entry.Name)) parts.Add(weights.Matrices[entry.Name]);
        }

        _warmer = new PageWarmer([.. parts]);
    }

    public void Dispose()
    {
        _warmer?.Dispose();
        _panels?.Dispose();
    }

    /// <summary>Looked up row by row, or for a few tokens alone.</summary>
    private static bool IsUsedInPart(string name) =>
        name == PackNames.Embedding || name.Contains(".experts.", StringComparison.Ordinal);

    /// <summary>The tables have a version and a checksum of their own, and are checked by whoever knows them.</summary>
    private static Tokenizer OpenTokenizer(SafeFileHandle file, PackedSection section)
    {
        var region = new MappedRegion(file, section.Offset, section.Length);
        try
        {
            return Tokenizer.FromTables(FixedMemory.Over(region, region.Start, (int)section.Length));
        }
        catch (ModelLoadException refused)
        {
            region.Dispose();
            throw new PackedFileException($"has a tokenizer that is not to be used ({refused.Message})", refused);
        }
    }

    private byte* StartOf(PackedEntry entry) =>
        (_panels ?? throw new InvalidOperationException("the file has no panels")).Start + (entry.Offset - _header.PanelsOffset);

    private uint ChecksumOf(PackedEntry entry)
    {
        var sums = new uint[PanelLayout.PanelCount(entry.Rows)];
        var panelBytes = entry.Length / sums.Length;
        for (var panel = 0; panel < sums.Length; panel++)
        {
            sums[panel] = Checksum.Of(new ReadOnlySpan<byte>(StartOf(entry) + (panel * panelBytes), checked((int)panelBytes)));
        }

        return PackedFileWriter.Combine(sums);
    }

    private static byte[] ReadSection(SafeFileHandle file, PackedSection section, string name)
    {
        var bytes = ReadBytes(file, section.Offset, (int)section.Length);
        Check(bytes, section, name);
        return bytes;
    }

    private static void Check(ReadOnlySpan<byte> bytes, PackedSection section, string name)
    {
        if (Checksum.Of(bytes) != section.Checksum) throw new PackedFileException($"has a damaged part ({name})");
    }

    private static byte[] ReadBytes(SafeFileHandle file, long offset, int count)
    {
        var bytes = new byte[count];
        for (var done = 0; done < count;)
        {
            var read = RandomAccess.Read(file, bytes.AsSpan(done), offset + done);
            if (read == 0) throw new PackedFileException($"ends after {offset + done} bytes: it is cut");
            done += read;
        }

        return bytes;
    }
}
