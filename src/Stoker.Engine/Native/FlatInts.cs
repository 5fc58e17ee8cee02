namespace Stoker.Engine.Native;

/// <summary>32-bit numbers in a <see cref="FixedMemory"/>, as <see cref="FlatBytes"/> are bytes.</summary>
/// <param name="bytes">Theirs; what is no whole number at the end is left out.</param>
internal readonly unsafe struct FlatInts(FlatBytes bytes)
{
    public int Length { get; } = bytes.Length / sizeof(int);

    public FlatBytes Bytes { get; } = bytes;

    public ReadOnlySpan<int> Span => new(Bytes.Start, Length);

    public int this[int index] => Span[index];

    public static FlatInts Allocate(int length) => new(FlatBytes.Allocate(checked(length * sizeof(int))));

    public static FlatInts CopyOf(ReadOnlySpan<int> items)
    {
        var copy = Allocate(items.Length);
        items.CopyTo(copy.Writable());
        return copy;
    }

    /// <inheritdoc cref="FlatBytes.Writable"/>
    public Span<int> Writable() => new(Bytes.Start, Length);
}
