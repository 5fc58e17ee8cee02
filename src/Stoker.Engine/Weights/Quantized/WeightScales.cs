namespace Stoker.Engine.Weights.Quantized;

/// <summary>What the codes of a quantised weight are multiplied with: one number for each block of rows and columns.</summary>
/// <remarks>In memory that does not move, so that rows can point into it while they are packed.</remarks>
internal sealed unsafe class WeightScales
{
    private readonly float[] _values;
    private readonly int _blockRows;
    private readonly int _perRow;

    /// <param name="values">[blocks of rows][blocks of columns]; the last blocks may be smaller than the others.</param>
    /// <param name="blockRows">1: a scale of its own for every row.</param>
    public WeightScales(ReadOnlySpan<float> values, int rows, int columns, int blockRows, int blockColumns)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(blockRows);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(blockColumns);
        (_blockRows, BlockColumns) = (blockRows, blockColumns);
        _perRow = Count(columns, blockColumns);
        ArgumentOutOfRangeException.ThrowIfNotEqual(values.Length, Count(rows, blockRows) * _perRow, nameof(values));
        _values = GC.AllocateUninitializedArray<float>(values.Length, pinned: true);
        values.CopyTo(_values);
    }

    public int BlockColumns { get; }

    /// <summary>Scales that a row has from its first to its last column.</summary>
    public int PerRow => _perRow;

    public static int Count(int size, int block) => (int)(((long)size + block - 1) / block);

    /// <summary>The scales of a row; good as long as this object.</summary>
    public float* Row(int row)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(row);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(((row / _blockRows) + 1) * _perRow, _values.Length, nameof(row));
        return (float*)System.Runtime.CompilerServices.Unsafe.AsPointer(
            ref System.Runtime.InteropServices.MemoryMarshal.GetArrayDataReference(_values)) + (row / _blockRows * _perRow);
    }
}
