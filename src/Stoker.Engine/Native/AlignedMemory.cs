using System.Runtime.InteropServices;

namespace Stoker.Engine.Native;

/// <summary>Private memory outside the garbage collector's heap, aligned to a cache line at the least.</summary>
/// <remarks>
/// Weights and KV blocks live here and not in managed arrays: in a container the collector caps its own heap at three
/// quarters of the limit, and one array ends at 2^31 elements. Pages are handed out by the system when first touched.
/// </remarks>
internal sealed unsafe class AlignedMemory : IDisposable
{
    private const int CacheLineBytes = 64;
    private byte* _start;

    /// <param name="alignmentBytes">A power of two.</param>
    /// <exception cref="OutOfMemoryException">The system refuses the size.</exception>
    public AlignedMemory(long lengthBytes, int alignmentBytes = CacheLineBytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(lengthBytes);
        LengthBytes = lengthBytes;
        _start = (byte*)NativeMemory.AlignedAlloc((nuint)Math.Max(lengthBytes, 1), (nuint)alignmentBytes);
    }

    ~AlignedMemory() => Free();

    public long LengthBytes { get; }

    public byte* Start => _start;

    /// <summary>
    /// A part as a span; both bounds are checked, as a span reaches at most 2^31 elements and this memory more.
    /// </summary>
    public Span<T> Slice<T>(long firstElement, int count) where T : unmanaged
    {
        ObjectDisposedException.ThrowIf(_start is null, this);
        if (firstElement < 0 || count < 0 || firstElement > (LengthBytes / sizeof(T)) - count)
        {
            throw new ArgumentOutOfRangeException(
                nameof(firstElement), $"elements {firstElement}..+{count} lie outside of {LengthBytes} bytes");
        }

        return new Span<T>((T*)_start + firstElement, count);
    }

    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private void Free()
    {
        NativeMemory.AlignedFree(_start);
        _start = null;
    }
}
