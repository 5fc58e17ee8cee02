using Stoker.Engine.Kernels;
using Stoker.Engine.Native;
using Stoker.Engine.Weights;

namespace Stoker.Engine.Tests.Kernels;

/// <summary>A matrix in panels, packed from float32 values, and products with it.</summary>
internal sealed unsafe class TestPanels : IDisposable
{
    private readonly TestMatrix _source;
    private readonly AlignedMemory _memory;

    public TestPanels(WeightFormat format, int rows, int columns, ReadOnlySpan<float> values)
    {
        var type = format switch
        {
            WeightFormat.Bf16 => TensorType.BF16,
            WeightFormat.F16 => TensorType.F16,
            _ => TensorType.F32,
        };
        _source = new TestMatrix(type, rows, columns, values);
        _memory = new AlignedMemory(PanelPacker.SizeOf(format, rows, columns));
        PanelPacker.Pack([_source.Matrix], format, _memory.Start, 0, PanelLayout.PanelCount(rows));
        Matrix = new PanelMatrix(format, rows, columns, _memory.Start, _memory);
    }

    public PanelMatrix Matrix { get; }

    public static TestPanels Random(WeightFormat format, int rows, int columns, Random random) =>
        new(format, rows, columns, TestMatrix.Values(rows * columns, random));

    /// <summary>y = x · wᵀ, the tiles packed and the panels multiplied in two calls each, cut at <paramref name="cut"/>.</summary>
    public float[] Multiply(KernelSet kernels, ReadOnlySpan<float> x, int tokens, int cut = 0)
    {
        using var buffer = new ActivationBuffer(tokens, Matrix.Columns);
        var (tiles, packCut) = (KernelSet.TileCount(tokens), cut % (KernelSet.TileCount(tokens) + 1));
        kernels.Pack(x, tokens, packCut, tiles, Matrix, buffer);
        kernels.Pack(x, tokens, 0, packCut, Matrix, buffer);
        var y = new float[tokens * Matrix.Rows];
        kernels.Multiply(Matrix, 0, cut, buffer, tokens, y, Matrix.Rows);
        kernels.Multiply(Matrix, cut, Matrix.PanelCount, buffer, tokens, y, Matrix.Rows);
        return y;
    }

    public float[][] ReadRows() => [.. Enumerable.Range(0, Matrix.Rows).Select(row =>
    {
        var values = new float[Matrix.Columns];
        Matrix.ReadRow(row, values);
        return values;
    })];

    public void Dispose()
    {
        _memory.Dispose();
        _source.Dispose();
    }
}
