using System.IO.MemoryMappedFiles;
using Microsoft.Win32.SafeHandles;
using Stoker.Engine.Native;

namespace Stoker.Engine.Weights;

/// <summary>An open safetensors file: a checked header, and its data section in memory.</summary>
internal sealed unsafe class SafetensorsFile : IDisposable
{
    /// <summary>
    /// 256 MiB: reading that much from the page cache takes about a tenth of a second, and then a truncated file is no
    /// danger. Above, start-up time and a second copy in memory weigh more.
    /// </summary>
    public const long MaxCopiedBytes = 256L << 20;

    private const int ReadPieceBytes = 64 << 20;

    private readonly AlignedMemory? _copy;
    private readonly MemoryMappedFile? _map;
    private readonly MemoryMappedViewAccessor? _view;
    private readonly byte* _data;

    private SafetensorsFile(string path, WeightPlacement placement)
    {
        Name = Path.GetFileName(path);
        using var handle = OpenHandle(path);
        var length = RandomAccess.GetLength(handle);
        Header = ReadHeader(handle, length);
        var dataBytes = length - Header.DataStart;
        switch (placement)
        {
            case WeightPlacement.None:
                break;
            case WeightPlacement.Copied:
            case WeightPlacement.Auto when length <= MaxCopiedBytes:
                _copy = new AlignedMemory(dataBytes);
                ReadFully(handle, Header.DataStart, _copy);
                _data = _copy.Start;
                break;
            default:
                // Opened again by path: the handle above closes with this method, the map keeps its own.
                _map = MemoryMappedFile.CreateFromFile(path, FileMode.Open, null, 0, MemoryMappedFileAccess.Read);
                _view = _map.CreateViewAccessor(0, length, MemoryMappedFileAccess.Read);
                byte* start = null;
                _view.SafeMemoryMappedViewHandle.AcquirePointer(ref start);
                _data = start + _view.PointerOffset + Header.DataStart;
                break;
        }
    }

    /// <summary>The bare file name, for messages.</summary>
    public string Name { get; }

    public SafetensorsHeader Header { get; }

    public bool IsMapped => _view is not null;

    /// <exception cref="ModelLoadException">Missing, unreadable, cut or hostile.</exception>
    public static SafetensorsFile Open(string path, WeightPlacement placement = WeightPlacement.Auto)
    {
        try
        {
            return new SafetensorsFile(path, placement);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or ArgumentOutOfRangeException)
        {
            // ArgumentOutOfRangeException: the file shrank between its length and the map.
            throw JsonFile.Unreadable(Path.GetFileName(path), error);
        }
    }

    /// <summary>Start of a tensor's bytes, or null when only headers were read. Aligned to nothing.</summary>
    public byte* Data(TensorEntry tensor) => _data is null ? null : _data + tensor.Begin;

    public void Dispose()
    {
        _copy?.Dispose();
        if (_view is not null)
        {
            _view.SafeMemoryMappedViewHandle.ReleasePointer();
            _view.Dispose();
        }

        _map?.Dispose();
    }

    private static SafeFileHandle OpenHandle(string path) =>
        Directory.Exists(path)
            ? throw new ModelLoadException(Path.GetFileName(path), null, "is a folder")
            : File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.Read, FileOptions.SequentialScan);

    private SafetensorsHeader ReadHeader(SafeFileHandle handle, long length)
    {
        Span<byte> prefix = stackalloc byte[SafetensorsHeader.PrefixBytes];
        prefix = prefix[..RandomAccess.Read(handle, prefix, 0)];
        var json = new byte[SafetensorsHeader.HeaderLength(Name, prefix, length)];
        var read = 0;
        while (read < json.Length)
        {
            var count = RandomAccess.Read(handle, json.AsSpan(read), SafetensorsHeader.PrefixBytes + read);
            read += count > 0 ? count : throw new ModelLoadException(Name, null, "ended while its header was read");
        }

        return SafetensorsHeader.Parse(Name, json, length);
    }

    private void ReadFully(SafeFileHandle handle, long offset, AlignedMemory target)
    {
        for (var done = 0L; done < target.LengthBytes;)
        {
            var piece = target.Slice<byte>(done, (int)Math.Min(ReadPieceBytes, target.LengthBytes - done));
            var count = RandomAccess.Read(handle, piece, offset + done);
            done += count > 0 ? count : throw new ModelLoadException(Name, null, "ended while its data was read");
        }
    }
}
