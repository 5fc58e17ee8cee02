using System.Runtime.CompilerServices;

namespace Stoker.Engine.Weights;

/// <summary>Rounds or quantises a weight as the checkpoint holds it into panels.</summary>
/// <remarks>
/// Any range of panels on any thread: a panel's bytes depend on its own 32 rows alone. A chunk of 128 columns at a time:
/// each row becomes a few 32-bit units in a scratch, then the scratch is transposed into the panel.
/// </remarks>
internal static unsafe class PanelPacker
{
    private const int ChunkColumns = 128;

    public static long SizeOf(WeightFormat format, int rows, int columns) => PanelLayout.SizeOf(format, rows, columns);

    /// <param name="sources">Stacked: the rows of the first, then those of the second (q, k and v; gate and up). All of the same columns.</param>
    /// <param name="target">The whole packed matrix, <see cref="SizeOf"/> bytes on a cache line.</param>
    /// <exception cref="WeightRangeException">A quantised format and a weight that is NaN, infinite or too large for it.</exception>
    public static void Pack(
        ReadOnlySpan<WeightMatrix> sources, WeightFormat format, byte* target, int firstPanel, int endPanel)
    {
        var columns = sources[0].Columns;
        var totalRows = 0;
        foreach (var source in sources)
        {
            ArgumentOutOfRangeException.ThrowIfNotEqual(source.Columns, columns, nameof(sources));
            totalRows += source.Rows;
        }

        ArgumentOutOfRangeException.ThrowIfNegative(firstPanel);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(endPanel, PanelLayout.PanelCount(totalRows));
        var rows = stackalloc SourceRow[PanelLayout.Rows];
        for (var panel = firstPanel; panel < endPanel; panel++)
        {
            for (var row = 0; row < PanelLayout.Rows; row++)
            {
                rows[row] = SourceRow.Find(sources, (panel * PanelLayout.Rows) + row);
            }

            var start = target + (panel * PanelLayout.PanelBytes(format, columns));
            PackPanel(format, rows, columns, start, panel * PanelLayout.Rows);
        }
    }

    [SkipLocalsInit]
    private static void PackPanel(WeightFormat format, SourceRow* rows, int columns, byte* panel, int firstRow)
    {
        var units = stackalloc uint[PanelLayout.Rows * ChunkColumns];
        var values = stackalloc float[ChunkColumns];
        var inverses = stackalloc float[PanelLayout.Rows];
        if (format == WeightFormat.Fp8)
        {
            Fp8Quantizer.WriteRowScales(rows, columns, (float*)panel, inverses, firstRow);
        }

        var padded = PanelLayout.PaddedColumns(columns);
        var chunk = format == WeightFormat.Fp4 ? PanelLayout.Fp4Group : ChunkColumns;
        for (var first = 0; first < padded; first += chunk)
        {
            var count = Math.Min(chunk, padded - first);
            var valid = Math.Min(count, columns - first);
            var target = panel + PanelLayout.ColumnOffset(format, first);
            var count32 = count / ValuesPerUnit(format);
            var scales = (ushort*)(target + (count32 * PanelLayout.Rows * sizeof(uint))); // of Int8 and Fp4: behind the values
            for (var row = 0; row < PanelLayout.Rows; row++)
            {
                var unit = units + (row * ChunkColumns);
                if (rows[row].CopyAs(format, first, valid, count, unit))
                {
                    continue;
                }

                rows[row].Widen(first, valid, count, values);
                switch (format)
                {
                    case WeightFormat.Int8:
                        scales[row] = Int8Quantizer.Quantise(values, count, (byte*)unit, firstRow + row);
                        break;
                    case WeightFormat.Fp8:
                        Fp8Quantizer.Quantise(values, count, inverses[row], (byte*)unit);
                        break;
                    case WeightFormat.Fp4:
                        scales[row] = Fp4Quantizer.Quantise(values, (byte*)unit, firstRow + row);
                        break;
                    default:
                        Round(format, values, count, unit);
                        break;
                }
            }

            if (format == WeightFormat.Fp8)
            {
                Fp8Quantizer.Arrange((ushort*)units, ChunkColumns * 2, count, target);
            }
            else
            {
                Transposition.Run(units, ChunkColumns, PanelLayout.Rows, count32, (uint*)target);
            }
        }
    }

    private static int ValuesPerUnit(WeightFormat format) => format switch
    {
        WeightFormat.F32 => 1,
        WeightFormat.F16 or WeightFormat.Bf16 => 2,
        WeightFormat.Fp4 => 8,
        _ => 4,
    };

    private static void Round(WeightFormat format, float* values, int count, uint* target)
    {
        if (format == WeightFormat.F32)
        {
            Unsafe.CopyBlockUnaligned(target, values, (uint)count * sizeof(float));
            return;
        }

        for (var k = 0; k < count; k++)
        {
            ((ushort*)target)[k] = format == WeightFormat.Bf16
                ? BFloat16.FromSingle(values[k])
                : BitConverter.HalfToUInt16Bits((Half)values[k]);
        }
    }
}
