using System.Buffers;
using System.Runtime.InteropServices;

namespace Stoker.Engine.Native;

/// <summary>
/// Bytes whose address stays the same as long as this object is reachable: a pinned array of our own, or memory that
/// somebody else owns, such as a part of a mapped file.
/// </summary>
/// <remarks>
/// Who takes a span or a pointer of it keeps this object reachable meanwhile. It frees nothing: a pinned array goes with
/// the garbage collector, and foreign memory when its owner, which is kept alive here, is finalised. So an owner must
/// not be disposed while readers may live.
/// </remarks>
internal sealed unsafe class FixedMemory : MemoryManager<byte>
{
    private const int CacheLineBytes = 64;
    private readonly object _owner;
    private readonly byte* _start;
    private readonly int _length;

    private FixedMemory(object owner, byte* start, int length)
    {
        _owner = owner;
        _start = start;
        _length = length;
    }

    public byte* Start => _start;

    public int Length => _length;

    /// <summary>Zeroed memory at the start of a cache line.</summary>
    public static FixedMemory Allocate(int length)
    {
        var array = GC.AllocateArray<byte>(checked(length + CacheLineBytes - 1), pinned: true);
        var address = Marshal.UnsafeAddrOfPinnedArrayElement(array, 0);
        return new FixedMemory(array, (byte*)((address + CacheLineBytes - 1) & ~(nint)(CacheLineBytes - 1)), length);
    }

    /// <param name="owner">Keeps the memory valid as long as it is reachable.</param>
    /// <param name="start">Aligned to 8 bytes; a mapped section is.</param>
    /// <param name="length">In bytes.</param>
    public static FixedMemory Over(object owner, byte* start, int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        if (((nint)start & 7) != 0) throw new ArgumentException("must be aligned to 8 bytes", nameof(start));
        return new FixedMemory(owner, start, length);
    }

    public override Span<byte> GetSpan() => new(_start, _length);

    public override MemoryHandle Pin(int elementIndex = 0)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)elementIndex, (uint)_length, nameof(elementIndex));
        return new MemoryHandle(_start + elementIndex, default, this);
    }

    public override void Unpin()
    {
    }

    protected override void Dispose(bool disposing) => GC.KeepAlive(_owner);
}
