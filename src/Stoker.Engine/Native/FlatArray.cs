namespace Stoker.Engine.Native;

/// <summary>Items of a type of our own in a <see cref="FixedMemory"/>, as <see cref="FlatBytes"/> are bytes.</summary>
/// <param name="bytes">Theirs; what is no whole item at the end is left out.</param>
internal readonly unsafe struct FlatArray<T>(FlatBytes bytes)
    where T : unmanaged
{
    public int Length { get; } = bytes.Length / sizeof(T);

    public FlatBytes Bytes { get; } = bytes;

    public ReadOnlySpan<T> Span => new(Bytes.Start, Length);

    public ref readonly T this[int index] => ref Span[index];

    public static FlatArray<T> Allocate(int length) => new(FlatBytes.Allocate(checked(length * sizeof(T))));

    public static FlatArray<T> CopyOf(ReadOnlySpan<T> items)
    {
        var copy = Allocate(items.Length);
        items.CopyTo(copy.Writable());
        return copy;
    }

    /// <inheritdoc cref="FlatBytes.Writable"/>
    public Span<T> Writable() => new(Bytes.Start, Length);
}
