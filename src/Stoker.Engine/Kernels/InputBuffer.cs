using Stoker.Engine.Native;

namespace Stoker.Engine.Kernels;

/// <summary>Rows of a projection's input, as they are made and as they are packed.</summary>
internal sealed class InputBuffer : IDisposable
{
    private readonly AlignedMemory _values;

    public InputBuffer(int rows, int maxColumns)
    {
        Rows = rows;
        _values = new AlignedMemory((long)rows * maxColumns * sizeof(float));
        Packed = new ActivationBuffer(rows, maxColumns);
    }

    public int Rows { get; }

    public ActivationBuffer Packed { get; }

    /// <summary>Bytes that one row takes, at most.</summary>
    public static long BytesPerRow(int maxColumns) => ActivationBuffer.BytesPerRow(maxColumns) + (sizeof(float) * (long)maxColumns);

    public Span<float> Row(int row, int columns) => _values.Slice<float>((long)row * columns, columns);

    /// <summary>[rows, columns].</summary>
    public Span<float> All(int rows, int columns) => _values.Slice<float>(0, checked(rows * columns));

    public void Dispose()
    {
        _values.Dispose();
        Packed.Dispose();
    }
}
