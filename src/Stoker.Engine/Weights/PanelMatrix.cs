namespace Stoker.Engine.Weights;

/// <summary>A weight in panels: what the kernels multiply with. See <see cref="PanelLayout"/>.</summary>
/// <remarks>A view: who owns the memory is named at construction and kept alive by it.</remarks>
internal sealed unsafe class PanelMatrix
{
    private readonly object _owner;
    private readonly byte* _data;
    private readonly long _panelBytes;

    /// <param name="data">The first panel, on a cache line; <see cref="PanelLayout.SizeOf"/> bytes.</param>
    public PanelMatrix(WeightFormat format, int rows, int columns, byte* data, object owner)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(rows);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(columns);
        ArgumentOutOfRangeException.ThrowIfNotEqual((nuint)data % 64, 0u, nameof(data));
        (Format, Rows, Columns, _owner) = (format, rows, columns, owner);
        _data = data;
        _panelBytes = PanelLayout.PanelBytes(format, columns);
        PaddedColumns = PanelLayout.PaddedColumns(columns);
        BlockColumns = PanelLayout.BlockColumns(format, columns);
    }

    public WeightFormat Format { get; }

    public int Rows { get; }

    public int Columns { get; }

    public int PaddedColumns { get; }

    public int PanelCount => PanelLayout.PanelCount(Rows);

    public int BlockColumns { get; }

    public int BlockCount => (PaddedColumns + BlockColumns - 1) / BlockColumns;

    public long SizeBytes => PanelCount * _panelBytes;

    public byte* Panel(int panel)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)panel, (uint)PanelCount, nameof(panel));
        return _data + (panel * _panelBytes);
    }

    /// <summary>One row as the kernels see it, in float32: a token's embedding. target: [columns].</summary>
    public void ReadRow(int row, Span<float> target)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)row, (uint)Rows, nameof(row));
        ArgumentOutOfRangeException.ThrowIfNotEqual(target.Length, Columns);
        PanelReader.ReadRow(Format, Panel(row / PanelLayout.Rows), row % PanelLayout.Rows, target);
        GC.KeepAlive(_owner);
    }
}
