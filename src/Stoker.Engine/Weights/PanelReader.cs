using System.Runtime.CompilerServices;

namespace Stoker.Engine.Weights;

/// <summary>Reads single rows out of a panel, as the layout's definition says: the slow and plain counterpart of the kernels.</summary>
internal static unsafe class PanelReader
{
    /// <param name="row">Within the panel, 0 to 31.</param>
    public static void ReadRow(WeightFormat format, byte* panel, int row, Span<float> target)
    {
        switch (format)
        {
            case WeightFormat.F32:
                for (var k = 0; k < target.Length; k++) target[k] = ((float*)panel)[(k * PanelLayout.Rows) + row];
                break;
            case WeightFormat.F16:
                for (var k = 0; k < target.Length; k++) target[k] = (float)BitConverter.UInt16BitsToHalf(Pair(panel, row, k));
                break;
            case WeightFormat.Bf16:
                for (var k = 0; k < target.Length; k++) target[k] = BFloat16.ToSingle(Pair(panel, row, k));
                break;
            case WeightFormat.Int8:
                ReadInt8(panel, row, target);
                break;
            case WeightFormat.Fp8:
                ReadFp8(panel, row, target);
                break;
            case WeightFormat.Fp4:
                ReadFp4(panel, row, target);
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(format), format, "no such weight format");
        }
    }

    private static ushort Pair(byte* panel, int row, int k) =>
        ((ushort*)panel)[(((k / 2 * PanelLayout.Rows) + row) * 2) + (k % 2)];

    private static void ReadInt8(byte* panel, int row, Span<float> target)
    {
        var padded = PanelLayout.PaddedColumns(target.Length);
        for (var first = 0; first < target.Length; first += PanelLayout.Int8Group)
        {
            var columns = Math.Min(PanelLayout.Int8Group, padded - first);
            var group = panel + PanelLayout.ColumnOffset(WeightFormat.Int8, first);
            var scale = (float)((Half*)(group + (columns * PanelLayout.Rows)))[row];
            for (var k = first; k < Math.Min(target.Length, first + columns); k++)
            {
                target[k] = (group[((((k - first) / 4 * PanelLayout.Rows) + row) * 4) + (k % 4)] - 128) * scale;
            }
        }
    }

    private static void ReadFp8(byte* panel, int row, Span<float> target)
    {
        var scale = ((float*)panel)[row];
        for (var k = 0; k < target.Length; k++)
        {
            target[k] = Fp8.ToSingle(panel[PanelLayout.Fp8HeaderBytes + Fp8.Offset(row, k)]) * scale;
        }
    }

    private static void ReadFp4(byte* panel, int row, Span<float> target)
    {
        for (var k = 0; k < target.Length; k++)
        {
            var group = panel + PanelLayout.ColumnOffset(WeightFormat.Fp4, k / PanelLayout.Fp4Group * PanelLayout.Fp4Group);
            var scale = (float)Unsafe.ReadUnaligned<Half>(group + (PanelLayout.Fp4Group * PanelLayout.Rows / 2) + (row * 2));
            var column = k % PanelLayout.Fp4Group;
            var pair = group[(((column / 8 * PanelLayout.Rows) + row) * 4) + (column % 4)];
            target[k] = Fp4.Doubled(column % 8 < 4 ? pair & 15 : pair >> 4) * scale;
        }
    }
}
