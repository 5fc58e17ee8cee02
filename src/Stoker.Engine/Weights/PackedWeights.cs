namespace Stoker.Engine.Weights;

/// <summary>All matrices and vectors of a model by name, ready for the kernels; owns the memory or the map they lie in.</summary>
/// <param name="file">The file they come from, for messages.</param>
/// <param name="precision">Format of the projections as in options and metrics, such as <c>bf16</c>.</param>
/// <param name="sizeBytes">Memory that the matrices take.</param>
/// <param name="memory">Disposed with this object.</param>
internal sealed class PackedWeights(
    string file, string precision, long sizeBytes, IReadOnlyDictionary<string, PanelMatrix> matrices,
    IReadOnlyDictionary<string, float[]> vectors, IDisposable memory) : IDisposable
{
    public string Precision => precision;

    public long SizeBytes => sizeBytes;

    public IReadOnlyDictionary<string, PanelMatrix> Matrices => matrices;

    public IReadOnlyDictionary<string, float[]> Vectors => vectors;

    /// <exception cref="ModelLoadException">It is missing or has another shape.</exception>
    public PanelMatrix Matrix(string name, int rows, int columns)
    {
        if (!matrices.TryGetValue(name, out var matrix))
        {
            throw new ModelLoadException(file, name, "is missing");
        }

        return matrix.Rows == rows && matrix.Columns == columns
            ? matrix
            : throw new ModelLoadException(
                file, name, $"has shape [{matrix.Rows}, {matrix.Columns}], the config asks for [{rows}, {columns}]");
    }

    /// <exception cref="ModelLoadException">It is missing or has another length.</exception>
    public float[] Vector(string name, int length)
    {
        if (!vectors.TryGetValue(name, out var vector))
        {
            throw new ModelLoadException(file, name, "is missing");
        }

        return vector.Length == length
            ? vector
            : throw new ModelLoadException(file, name, $"has length {vector.Length}, the config asks for {length}");
    }

    /// <summary>The error for what is there and cannot be used.</summary>
    public ModelLoadException Unfit(string name, string reason) => new(file, name, reason);

    public void Dispose() => memory.Dispose();
}
