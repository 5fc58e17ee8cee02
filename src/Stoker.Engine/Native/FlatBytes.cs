namespace Stoker.Engine.Native;

/// <summary>
/// Bytes in a <see cref="FixedMemory"/>: an array that may as well lie in a mapped file. Reading is checked against its
/// length, as that of an array is.
/// </summary>
/// <remarks>
/// Beside <see cref="FlatArray{T}"/> because code of a generic type over a type of the runtime is not compiled ahead: a
/// cold start would wait some milliseconds for it. The same holds for <see cref="FlatInts"/>.
/// </remarks>
internal readonly unsafe struct FlatBytes
{
    private readonly FixedMemory? _memory;
    private readonly byte* _start;

    /// <param name="memory">Where the bytes lie.</param>
    /// <param name="offset">Of the first one, a multiple of 8.</param>
    /// <param name="length">Bytes.</param>
    public FlatBytes(FixedMemory memory, int offset, int length)
    {
        if (offset < 0 || length < 0 || offset % 8 != 0 || offset > memory.Length - length)
        {
            throw new ArgumentOutOfRangeException(
                nameof(offset), $"{length} bytes at {offset} do not lie in {memory.Length} bytes, at a multiple of 8");
        }

        _memory = memory;
        _start = memory.Start + offset;
        Length = length;
    }

    public int Length { get; }

    public ReadOnlySpan<byte> Span => new(_start, Length);

    public byte this[int index] => Span[index];

    /// <summary>Of the first byte; items of any type may be read from here.</summary>
    internal byte* Start => _start;

    /// <summary>Zeroed, to be filled through <see cref="Writable"/> before anybody reads it.</summary>
    public static FlatBytes Allocate(int length) => new(FixedMemory.Allocate(length), 0, length);

    public static FlatBytes CopyOf(ReadOnlySpan<byte> bytes)
    {
        var copy = Allocate(bytes.Length);
        bytes.CopyTo(copy.Writable());
        return copy;
    }

    /// <summary>For whoever allocated it; a mapped file is read-only, and a write ends the process.</summary>
    public Span<byte> Writable() => new(_start, Length);

    /// <summary>A part that keeps the memory alive.</summary>
    public ReadOnlyMemory<byte> Memory(int start, int length)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)start, (uint)Length, nameof(start));
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)length, (uint)(Length - start), nameof(length));
        return _memory is null ? default : _memory.Memory.Slice((int)(_start - _memory.Start) + start, length);
    }
}
