namespace Stoker.Engine.Native;

/// <summary>
/// Items one after the other in a <see cref="FixedMemory"/>: an array that may as well lie in a mapped file. Reading is
/// checked against its length, as that of an array is.
/// </summary>
internal readonly unsafe struct FlatArray<T>
    where T : unmanaged
{
    private readonly FixedMemory? _memory;
    private readonly T* _start;

    /// <param name="memory">Where the items lie.</param>
    /// <param name="offset">Of the first item, in bytes, a multiple of 8.</param>
    /// <param name="length">Items.</param>
    public FlatArray(FixedMemory memory, int offset, int length)
    {
        var fits = offset >= 0 && length >= 0 && offset + ((long)length * sizeof(T)) <= memory.Length;
        if (!fits || offset % 8 != 0)
        {
            throw new ArgumentOutOfRangeException(
                nameof(offset), $"{length} items of {sizeof(T)} bytes at {offset} do not lie in {memory.Length} bytes");
        }

        _memory = memory;
        _start = (T*)(memory.Start + offset);
        Length = length;
    }

    public int Length { get; }

    public ReadOnlySpan<T> Span => new(_start, Length);

    public ref readonly T this[int index]
    {
        get
        {
            if ((uint)index >= (uint)Length) ThrowOutside(index);
            return ref _start[index];
        }
    }

    /// <summary>Zeroed, to be filled through <see cref="Writable"/> before anybody reads it.</summary>
    public static FlatArray<T> Allocate(int length) =>
        new(FixedMemory.Allocate(checked(length * sizeof(T))), 0, length);

    public static FlatArray<T> CopyOf(ReadOnlySpan<T> items)
    {
        var copy = Allocate(items.Length);
        items.CopyTo(copy.Writable());
        return copy;
    }

    /// <summary>For whoever allocated it; a mapped file is read-only, and a write ends the process.</summary>
    public Span<T> Writable() => new(_start, Length);

    /// <summary>The same bytes as items of another type, as many as there are whole ones.</summary>
    public FlatArray<TOther> As<TOther>()
        where TOther : unmanaged =>
        _memory is null
            ? default
            : new(_memory, (int)((byte*)_start - _memory.Start), (int)((long)Length * sizeof(T) / sizeof(TOther)));

    /// <summary>A part of the items as bytes that keep the memory alive.</summary>
    public ReadOnlyMemory<byte> Bytes(int start, int length)
    {
        if ((uint)start > (uint)Length || (uint)length > (uint)(Length - start)) ThrowOutside(start);
        return _memory is null
            ? default
            : _memory.Memory.Slice((int)((byte*)(_start + start) - _memory.Start), length * sizeof(T));
    }

    /// <summary>Apart, so that reading stays small enough to be inlined.</summary>
    private static void ThrowOutside(int index) => throw new ArgumentOutOfRangeException(nameof(index));
}
