namespace Stoker.Engine.Weights;

/// <summary>One tensor of a safetensors file, after validation.</summary>
/// <param name="Begin">First byte, counted from the start of the file's data section.</param>
/// <param name="End">One past the last byte.</param>
internal sealed record TensorEntry(string Name, TensorType Type, IReadOnlyList<long> Shape, long Begin, long End)
{
    /// <summary>Fits a long: validation has multiplied the shape with overflow checks.</summary>
    public long ElementCount { get; } = Shape.Aggregate(1L, (product, size) => product * size);

    public string ShapeText => $"[{string.Join(", ", Shape)}]";
}
