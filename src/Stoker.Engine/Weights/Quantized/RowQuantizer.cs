namespace Stoker.Engine.Weights.Quantized;

/// <summary>Rows of a weight as codes with one scale each, in the order of the checkpoint: what other engines read.</summary>
/// <remarks>E4M3 by the same scales and rounding as our panels, so that both hold the same numbers.</remarks>
internal static unsafe class RowQuantizer
{
    /// <summary>A multiple of what the quantisers take at a time.</summary>
    private const int PartColumns = 128;

    /// <summary>Below this a row is zero: 1 / scale would overflow.</summary>
    private const float Smallest = 1e-30f;

    /// <param name="source">In 16 or 32 bits.</param>
    /// <param name="codes">[rows][columns].</param>
    /// <param name="scales">[rows].</param>
    /// <exception cref="WeightRangeException">A weight is NaN or infinite.</exception>
    public static void Quantise(WeightMatrix source, TensorType type, int firstRow, int rowCount, byte* codes, float* scales)
    {
        var rows = stackalloc SourceRow[PanelLayout.Rows];
        float* found = stackalloc float[PanelLayout.Rows], inverses = stackalloc float[PanelLayout.Rows];
        for (var first = 0; first < rowCount; first += PanelLayout.Rows)
        {
            var count = Math.Min(PanelLayout.Rows, rowCount - first);
            for (var row = 0; row < PanelLayout.Rows; row++)
            {
                rows[row] = row < count ? SourceRow.Find([source], firstRow + first + row) : default; // the rest: zeros
            }

            if (type == TensorType.I8) WriteInt8Scales(rows, source.Columns, found, inverses, firstRow + first);
            else Fp8Quantizer.WriteRowScales(rows, source.Columns, found, inverses, firstRow + first);
            for (var row = 0; row < count; row++)
            {
                scales[first + row] = found[row];
                WriteCodes(rows[row], type, source.Columns, inverses[row], codes + ((long)(first + row) * source.Columns));
            }
        }
    }

    private static void WriteInt8Scales(SourceRow* rows, int columns, float* scales, float* inverses, int firstRow)
    {
        var values = stackalloc float[PartColumns];
        for (var row = 0; row < PanelLayout.Rows; row++)
        {
            var largest = 0f;
            for (var first = 0; first < columns; first += PartColumns)
            {
                var count = Math.Min(PartColumns, columns - first);
                rows[row].Widen(first, count, count, values);
                largest = Math.Max(largest, Int8Quantizer.FiniteLargest(values, count, firstRow + row, WeightFormat.Int8));
            }

            var scale = largest / 127;
            (scales[row], inverses[row]) = scale < Smallest ? (0, 0) : (scale, 1 / scale);
        }
    }

    private static void WriteCodes(SourceRow row, TensorType type, int columns, float inverse, byte* codes)
    {
        var values = stackalloc float[PartColumns];
        var part = stackalloc byte[PartColumns];
        for (var first = 0; first < columns; first += PartColumns)
        {
            var count = Math.Min(PartColumns, columns - first);
            row.Widen(first, count, PartColumns, values);
            if (type == TensorType.I8)
            {
                for (var k = 0; k < count; k++) codes[first + k] = (byte)(sbyte)Math.Clamp(MathF.Round(values[k] * inverse, MidpointRounding.ToEven), -127, 127);
            }
            else
            {
                Fp8Quantizer.Quantise(values, PartColumns, inverse, part);
                new ReadOnlySpan<byte>(part, count).CopyTo(new Span<byte>(codes + first, count));
            }
        }
    }
}
