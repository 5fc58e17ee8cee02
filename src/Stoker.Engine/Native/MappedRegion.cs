using System.IO.MemoryMappedFiles;
using Microsoft.Win32.SafeHandles;

namespace Stoker.Engine.Native;

/// <summary>A part of a file in memory, read-only and shared with every process that maps it too.</summary>
/// <remarks>
/// Goes when disposed, or when nobody reaches it any more: holders of the pointer keep this object. The file must not
/// be cut under it; one that is replaced under its name stays as it was here.
/// </remarks>
internal sealed unsafe class MappedRegion : IDisposable
{
    private readonly MemoryMappedFile _map;
    private readonly MemoryMappedViewAccessor _view;
    private byte* _start;

    /// <param name="file">Not owned; may be closed afterwards.</param>
    /// <param name="offset">Of the first byte in the file.</param>
    /// <exception cref="IOException">The system refuses.</exception>
    public MappedRegion(SafeFileHandle file, long offset, long lengthBytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(lengthBytes);
        _map = MemoryMappedFile.CreateFromFile(file, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: true);
        try
        {
            _view = _map.CreateViewAccessor(offset, lengthBytes, MemoryMappedFileAccess.Read);
        }
        catch
        {
            _map.Dispose();
            throw;
        }

        // Not AcquirePointer: the count that it takes would keep a forgotten map for ever.
        _start = (byte*)_view.SafeMemoryMappedViewHandle.DangerousGetHandle() + _view.PointerOffset;
        LengthBytes = lengthBytes;
    }

    public byte* Start => _start;

    public long LengthBytes { get; }

    public void Dispose()
    {
        _start = null;
        _view.Dispose();
        _map.Dispose();
    }
}
