using FsCheck;
using FsCheck.Fluent;
using Stoker.Engine.Native;
using Stoker.Engine.Weights;
using Stoker.Engine.Weights.Quantized;
using Stoker.Testing.Checkpoints;

namespace Stoker.Engine.Tests.Weights.Quantized;

public unsafe class WeightScalesTests
{
    /// <summary>Any blocks, any part of the rows (an expert, a half of a fused weight), both kinds of codes.</summary>
    [Fact]
    public void Packed_rows_of_any_slice_are_codes_times_the_scale_of_their_block() => Prop.ForAll<byte[], bool>((numbers, isInt8) =>
    {
        var random = new Random(numbers.Aggregate(17, (seed, number) => (seed * 31) + number));
        var (rows, columns) = (random.Next(1, 80), random.Next(1, 160));
        var (blockRows, blockColumns) = (random.Next(1, 70), random.Next(1, 150));
        var codes = GC.AllocateArray<byte>(rows * columns, pinned: true);
        for (var i = 0; i < codes.Length; i++) codes[i] = (byte)random.Next(256);
        var across = (columns + blockColumns - 1) / blockColumns;
        var scales = new float[(rows + blockRows - 1) / blockRows * across];
        for (var i = 0; i < scales.Length; i++) scales[i] = random.NextSingle();
        var first = random.Next(rows);
        var type = isInt8 ? TensorType.I8 : TensorType.F8E4M3;

        fixed (byte* start = codes)
        {
            var whole = new WeightMatrix(null!, type, start, rows, columns, new(scales, rows, columns, blockRows, blockColumns));
            var slice = whole.Slice(first, rows - first);
            using var memory = new AlignedMemory(PanelPacker.SizeOf(WeightFormat.F32, slice.Rows, columns));
            PanelPacker.Pack([slice], WeightFormat.F32, memory.Start, 0, PanelLayout.PanelCount(slice.Rows));
            var packed = new PanelMatrix(WeightFormat.F32, slice.Rows, columns, memory.Start, memory);
            var (actual, expected) = (new float[columns], new float[columns]);
            for (var row = 0; row < slice.Rows; row++)
            {
                packed.ReadRow(row, actual);
                for (var k = 0; k < columns; k++)
                {
                    var code = codes[((first + row) * columns) + k];
                    expected[k] = (isInt8 ? (sbyte)code : PlainE4M3.Decode(code)) * scales[((first + row) / blockRows * across) + (k / blockColumns)];
                }

                if (!actual.AsSpan().SequenceEqual(expected)) return false; // NaN equals NaN here
            }
        }

        return true;
    }).QuickCheckThrowOnFailure();

    [Theory]
    [InlineData(0)]
    [InlineData(5)]
    public void Scales_that_are_too_few_or_too_many_are_refused(int count) =>
        Should.Throw<ArgumentOutOfRangeException>(() => new WeightScales(new float[count], rows: 10, columns: 10, blockRows: 5, blockColumns: 5));
}
