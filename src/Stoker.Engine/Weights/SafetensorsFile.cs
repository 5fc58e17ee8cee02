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

    private readonly SafeFileHandle? _handle; // of what is streamed
    private readonly DateTime _writtenAt;

    private SafetensorsFile(string path, WeightPlacement placement)
    {
        Name = Path.GetFileName(path);
        var handle = OpenHandle(path);
        try
        {
            var length = RandomAccess.GetLength(handle);
            Header = ReadHeader(handle, length);
            switch (placement)
            {
                case WeightPlacement.None:
                    break;
                case WeightPlacement.Streamed:
                    (_handle, _writtenAt) = (handle, File.GetLastWriteTimeUtc(handle));
                    break;
                case WeightPlacement.Copied:
                case WeightPlacement.Auto when length <= MaxCopiedBytes:
                    _copy = new AlignedMemory(length - Header.DataStart);
                    ReadFully(handle, Header.DataStart, _copy, 0, _copy.LengthBytes);
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
        finally
        {
            if (_handle is null) handle.Dispose();
        }
    }

    /// <summary>The bare file name, for messages.</summary>
    public string Name { get; }

    public SafetensorsHeader Header { get; }

    public bool IsMapped => _view is not null;

    /// <summary>Whether a streamed file was not written to since it was opened, as far as its file system tells.</summary>
    public bool IsUntouched => File.GetLastWriteTimeUtc(Streamed) == _writtenAt;

    private SafeFileHandle Streamed => _handle ?? throw new InvalidOperationException($"{Name} is not streamed");

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

    /// <exception cref="ModelLoadException">Unreadable, or cut since it was opened.</exception>
    public void Read(TensorEntry tensor, AlignedMemory target, long offset)
    {
        try
        {
            ReadFully(Streamed, Header.DataStart + tensor.Begin, target, offset, tensor.End - tensor.Begin);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw JsonFile.Unreadable(Name, error);
        }
    }

    public void Dispose()
    {
        _handle?.Dispose();
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

    private void ReadFully(SafeFileHandle handle, long offset, AlignedMemory target, long targetOffset, long length)
    {
        for (var done = 0L; done < length;)
        {
            var piece = target.Slice<byte>(targetOffset + done, (int)Math.Min(ReadPieceBytes, length - done));
            var count = RandomAccess.Read(handle, piece, offset + done);
            done += count > 0 ? count : throw new ModelLoadException(Name, null, "ended while its data was read");
        }
    }
}
