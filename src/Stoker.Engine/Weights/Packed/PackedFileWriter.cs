using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Stoker.Engine.Native;

namespace Stoker.Engine.Weights.Packed;

/// <summary>Streams a packed model into an open, empty file.</summary>
/// <remarks>
/// Steps: (1) place everything; (2) reserve the space, so that a full disk shows before the work; (3) panels, in
/// parallel, each worker packing some megabytes into its own buffer and writing them to their place; (4) the small
/// sections; (5) the header, last: before it the file is no packed model.
/// Memory is bounded by workers times buffer; the source is read through its map.
/// </remarks>
internal sealed unsafe class PackedFileWriter
{
    /// <summary>Large enough for the disk, small enough to stay in a core's share of the cache hierarchy.</summary>
    private const int BufferBytes = 4 << 20;

    private readonly SafeFileHandle _file;
    private readonly PackedContents _contents;
    private readonly IReadOnlyList<PackedEntry> _places;
    private readonly uint[][] _panelChecksums;
    private readonly WeightMatrix[][] _matrices;
    private readonly Action<long>? _advanced;
    private readonly byte[] _sources;
    private readonly byte[] _description;
    private readonly PackedHeader _layout;

    /// <param name="advanced">Told the bytes of panels written since the last call; from any thread.</param>
    public PackedFileWriter(SafeFileHandle file, PackedContents contents, Action<long>? advanced)
    {
        (_file, _contents, _advanced) = (file, contents, advanced);
        _matrices = [.. contents.Items.Select(item => item.Sources.Select(source => source.Matrix).ToArray())];
        (_sources, _description) = (SourceFiles.ToBytes(contents.Sources), contents.Description.ToBytes());

        // 1. The directory's length does not depend on what is in its entries.
        var at = (long)PackedFormat.HeaderBytes;
        var sources = Section(ref at, _sources.Length);
        var directory = Section(ref at, PackedDirectory.ToBytes(PackedDirectory.Place(contents.Items, 0)).Length);
        var description = Section(ref at, _description.Length);
        var vectors = Section(ref at, contents.Items.Where(item => !item.IsMatrix).Sum(item => item.SizeBytes));
        var tokenizer = Section(ref at, contents.Tokenizer.Length);
        var panels = PackedFormat.AlignUp(at, PackedFormat.HugePageBytes);
        _places = PackedDirectory.Place(contents.Items, panels);
        _panelChecksums =
            [.. _places.Select(entry => entry.IsMatrix ? new uint[PanelLayout.PanelCount(entry.Rows)] : [])];
        var end = _places.Where(entry => entry.IsMatrix).Select(entry => entry.End).DefaultIfEmpty(panels).Max();
        _layout = new PackedHeader
        {
            Layout = PackedFormat.Layout,
            Precision = contents.Precision,
            Serves = contents.Serves,
            ItemCount = contents.Items.Count,
            FileLength = end,
            Sources = sources,
            Directory = directory,
            Description = description,
            Vectors = vectors,
            Tokenizer = tokenizer,
            PanelsOffset = panels,
            PanelsLength = end - panels,
        };
    }

    public long LengthBytes => _layout.FileLength;

    /// <summary>What is written of matrices, without the gaps between them.</summary>
    public long PanelBytes => _places.Where(entry => entry.IsMatrix).Sum(entry => entry.Length);

    /// <exception cref="ModelLoadException">A weight is no finite number.</exception>
    /// <exception cref="IOException">The disk is full or fails.</exception>
    public void Write(int workers, CancellationToken cancellation)
    {
        // 2.
        RandomAccess.SetLength(_file, LengthBytes);
        FileSpace.Reserve(_file, LengthBytes);

        // 3.
        WritePanels(workers, cancellation);

        // 4.
        var directory = PackedDirectory.ToBytes([.. _places.Select((entry, index) => entry.IsMatrix
            ? entry with { Checksum = Combine(_panelChecksums[index]) }
            : entry)]);
        var header = _layout with
        {
            Sources = WriteSection(_layout.Sources, _sources),
            Directory = WriteSection(_layout.Directory, directory),
            Description = WriteSection(_layout.Description, _description),
            Vectors = WriteSection(_layout.Vectors, Vectors()),
            Tokenizer = WriteSection(_layout.Tokenizer, _contents.Tokenizer.Span),
        };

        // 5. Behind a flush, so that no power cut leaves a good header above panels that are not there.
        RandomAccess.FlushToDisk(_file);
        RandomAccess.Write(_file, header.ToBytes(), 0);
        RandomAccess.FlushToDisk(_file);
    }

    /// <summary>The checksum of a matrix: of its panels' checksums in order.</summary>
    public static uint Combine(ReadOnlySpan<uint> panels)
    {
        Span<byte> bytes = stackalloc byte[4];
        var sum = 0u;
        foreach (var panel in panels)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(bytes, panel);
            sum = Checksum.Of(bytes, sum);
        }

        return sum;
    }

    private void WritePanels(int workers, CancellationToken cancellation)
    {
        var pieces = Pieces();
        var next = -1;
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        Exception? failed = null;
        var threads = Enumerable.Range(0, Math.Clamp(workers, 1, Math.Max(pieces.Count, 1))).Select(_ => new Thread(Work) { IsBackground = true, Name = "pack" }).ToList();
        threads.ForEach(thread => thread.Start());
        threads.ForEach(thread => thread.Join());
        if (failed is not null) System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(failed);
        cancellation.ThrowIfCancellationRequested();

        void Work()
        {
            try
            {
                using var buffer = new AlignedMemory(pieces.Count == 0 ? 1 : pieces.Max(piece => piece.Bytes));
                while (!stop.IsCancellationRequested && Interlocked.Increment(ref next) is var index && index < pieces.Count)
                {
                    WritePiece(pieces[index], buffer.Start);
                }
            }
            catch (Exception error)
            {
                Interlocked.CompareExchange(ref failed, error, null); // the first one; the others follow from it
                stop.Cancel();
            }
        }
    }

    /// <summary>Whole panels, as many as fit a buffer, in the order of the file.</summary>
    private List<Piece> Pieces()
    {
        var pieces = new List<Piece>();
        for (var item = 0; item < _places.Count; item++)
        {
            if (!_places[item].IsMatrix) continue;
            var count = _panelChecksums[item].Length;
            var panelBytes = _places[item].Length / count;
            var each = (int)Math.Max(1, BufferBytes / panelBytes);
            for (var first = 0; first < count; first += each)
            {
                var end = Math.Min(count, first + each);
                pieces.Add(new(item, first, end, (end - first) * panelBytes));
            }
        }

        return pieces;
    }

    private void WritePiece(Piece piece, byte* buffer)
    {
        var (item, place) = (_contents.Items[piece.Item], _places[piece.Item]);
        var panelBytes = piece.Bytes / (piece.EndPanel - piece.FirstPanel);
        var before = piece.FirstPanel * panelBytes;
        // The packer counts from the matrix's first panel; the buffer holds only ours.
        try
        {
            PanelPacker.Pack(_matrices[piece.Item], item.Format, buffer - before, piece.FirstPanel, piece.EndPanel);
        }
        catch (WeightRangeException error)
        {
            throw PackFault.Of(item, error);
        }

        for (var panel = piece.FirstPanel; panel < piece.EndPanel; panel++)
        {
            _panelChecksums[piece.Item][panel] =
                Checksum.Of(new ReadOnlySpan<byte>(buffer + ((panel * panelBytes) - before), checked((int)panelBytes)));
        }

        FileSpace.WriteAll(_file, buffer, piece.Bytes, place.Offset + before);
        _advanced?.Invoke(piece.Bytes);
    }

    private byte[] Vectors()
    {
        var bytes = new byte[_layout.Vectors.Length];
        foreach (var (item, place) in _contents.Items.Zip(_places).Where(pair => !pair.First.IsMatrix))
        {
            MemoryMarshal.AsBytes(item.Vector.AsSpan()).CopyTo(bytes.AsSpan((int)place.Offset));
        }

        return bytes;
    }

    private PackedSection WriteSection(PackedSection place, ReadOnlySpan<byte> bytes)
    {
        RandomAccess.Write(_file, bytes, place.Offset);
        return place with { Checksum = Checksum.Of(bytes) };
    }

    private static PackedSection Section(ref long at, long length)
    {
        var section = new PackedSection(at, length, 0);
        at = PackedFormat.AlignUp(at + length, PackedFormat.PageBytes);
        return section;
    }

    private readonly record struct Piece(int Item, int FirstPanel, int EndPanel, long Bytes);
}
