namespace Stoker.Benchmarks.Gguf;

/// <summary>One tensor to write.</summary>
/// <param name="Rows">1 for a vector.</param>
/// <param name="IsVector">Norms and biases have one dimension.</param>
/// <param name="ReadRow">Fills one row; called from several threads.</param>
internal sealed record GgufTensor(string Name, GgufType Type, int Rows, int Columns, bool IsVector, GgufTensor.RowReader ReadRow)
{
    public delegate void RowReader(int row, Span<float> target);

    public long SizeBytes => Type.SizeBytes((long)Rows * Columns);

    public int RowBytes => (int)Type.SizeBytes(Columns);
}
