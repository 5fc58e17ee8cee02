using System.Runtime.Intrinsics;
using Stoker.Engine.Native;
using Stoker.Engine.Tests.Kernels;
using Stoker.Engine.Weights;

namespace Stoker.Engine.Tests.Weights;

/// <summary>What packing makes of weights: sizes, exactness where it is promised, error bounds where it is not.</summary>
public unsafe class PanelPackerTests
{
    public static TheoryData<string> Formats => [.. Enum.GetNames<WeightFormat>()];

    [Theory]
    [InlineData("F32", 1, 1, 32 * 32 * 4)]
    [InlineData("Bf16", 33, 33, 2 * 64 * 32 * 2)]
    [InlineData("F16", 32, 64, 64 * 32 * 2)]
    [InlineData("Int8", 32, 200, (224 * 32) + (2 * 64))]
    [InlineData("Int8", 64, 128, 2 * ((128 * 32) + 64))]
    [InlineData("Fp8", 32, 96, 128 + (96 * 32))]
    [InlineData("Fp4", 32, 96, 3 * (512 + 64))]
    public void A_matrix_takes_these_bytes(string format, int rows, int columns, long expected) =>
        PanelPacker.SizeOf(Parse(format), rows, columns).ShouldBe(expected);

    [Theory]
    [MemberData(nameof(Formats))]
    public void A_block_of_columns_is_a_multiple_of_128_or_the_whole_and_starts_on_a_cache_line(string name)
    {
        var format = Parse(name);
        for (var columns = 1; columns < 20_000; columns += 61)
        {
            var (padded, block) = (PanelLayout.PaddedColumns(columns), PanelLayout.BlockColumns(format, columns));
            (block == padded || block % 128 == 0).ShouldBeTrue($"{columns} columns: {block}");
            block.ShouldBeLessThanOrEqualTo(3072 + 128);
            (PanelLayout.PanelBytes(format, columns) % 64).ShouldBe(0);
            for (var first = 0; first < padded; first += block) (PanelLayout.ColumnOffset(format, first) % 64).ShouldBe(0);
        }
    }

    [Theory]
    [InlineData("F32", "F32")]
    [InlineData("BF16", "Bf16")]
    [InlineData("F16", "F16")]
    [InlineData("BF16", "F32")]
    [InlineData("F16", "F32")]
    public void Weights_as_stored_are_exact_to_the_bit(string stored, string format)
    {
        float[] special = stored == "F16"
            ? [0, -0f, 65504, -65504, 5.9604645e-8f, -6.1e-5f, float.PositiveInfinity, float.NegativeInfinity, float.NaN]
            : [0, -0f, 3.3895314e38f, -3.3895314e38f, 9.18355e-41f, 1.1754944e-38f, float.PositiveInfinity, float.NegativeInfinity, float.NaN];
        foreach (var columns in new[] { 1, 31, 33, 200 })
        {
            const int Rows = 37;
            var values = TestMatrix.Values(Rows * columns, new Random(columns));
            for (var i = 0; i < Math.Min(special.Length, values.Length); i++) values[^(i + 1)] = special[i];
            using var source = new TestMatrix(Type(stored), Rows, columns, values);
            using var memory = Pack(Parse(format), source.Matrix);
            var packed = new PanelMatrix(Parse(format), Rows, columns, memory.Start, memory);
            var (expected, actual) = (new float[columns], new float[columns]);
            for (var row = 0; row < Rows; row++)
            {
                source.Matrix.WidenRow(row, expected);
                packed.ReadRow(row, actual);
                actual.ShouldBe(expected);
            }
        }
    }

    [Fact]
    public void Int8_errs_by_half_a_step_at_most_and_never_clips()
    {
        var random = new Random(1);
        foreach (var columns in new[] { 31, 128, 200, 4864 })
        {
            var values = TestMatrix.Values(40 * columns, random, scale: 0.03f);
            for (var i = 0; i < values.Length; i += 97) values[i] *= 50;
            ForEachGroup(WeightFormat.Int8, 40, columns, values, PanelLayout.Int8Group, (expected, actual) =>
            {
                // the scale is rounded up to f16: by 1/1024 at most in its normal range
                var step = Largest(expected) / 127 * (1 + (1f / 1024));
                for (var k = 0; k < expected.Length; k++) actual[k].ShouldBe(expected[k], (step / 2) + 1e-7f);
            });
        }
    }

    [Fact]
    public void Int8_values_that_a_scale_holds_exactly_come_back_as_they_are()
    {
        var values = new float[32 * 128];
        for (var i = 0; i < values.Length; i++) values[i] = ((i % 255) - 127) * 0.00390625f; // a power of two is an exact f16
        for (var row = 0; row < 32; row++) values[row * 128] = 127 * 0.00390625f;
        Read(WeightFormat.Int8, 32, 128, values).ShouldBe(values);
    }

    [Fact]
    public void Fp8_takes_the_nearest_number_never_clips_and_errs_no_more_than_with_the_plain_scale()
    {
        const int Rows = 33, Columns = 200;
        var values = TestMatrix.Values(Rows * Columns, new Random(2));
        for (var i = 0; i < values.Length; i += 7) values[i] *= 1e-3f; // some become subnormals of the format
        ForEachGroup(WeightFormat.Fp8, Rows, Columns, values, Columns, (expected, actual) =>
        {
            var plainScale = Largest(expected) / Fp8.Largest;
            var (chosen, plain) = (0.0, 0.0);
            for (var k = 0; k < expected.Length; k++)
            {
                // half a step is 1/16 of the number, of a subnormal 2^-10 scales, of which none is above twice the plain one
                MathF.Abs(actual[k] - expected[k]).ShouldBeLessThanOrEqualTo((MathF.Abs(expected[k]) / 15.9f) + (2 * plainScale / 1024));
                chosen += Math.Pow(actual[k] - expected[k], 2);
                plain += Math.Pow((Fp8.ToSingle(Fp8.FromSingle(expected[k] / plainScale)) * plainScale) - expected[k], 2);
            }

            chosen.ShouldBeLessThanOrEqualTo(plain * 1.01);
        });
    }

    [Fact]
    public void Fp8_values_that_a_scale_holds_exactly_come_back_as_they_are()
    {
        var values = new float[32 * 128];
        for (var i = 0; i < values.Length; i++) values[i] = Fp8.ToSingle((byte)((i * 37 % 127) | (i % 2 * 128))) * 0.25f;
        for (var row = 0; row < 32; row++) values[row * 128] = 448 * 0.25f;
        Read(WeightFormat.Fp8, 32, 128, values).ShouldBe(values);
    }

    [Fact]
    public void Fp4_errs_no_more_than_with_the_scale_that_clips_nothing()
    {
        var random = new Random(3);
        var values = TestMatrix.Values(64 * 96, random);
        for (var i = 0; i < values.Length; i += 31) values[i] *= 4;
        ForEachGroup(WeightFormat.Fp4, 64, 96, values, PanelLayout.Fp4Group, (expected, actual) =>
        {
            var scale = Largest(expected) / 12;
            var (chosen, plain) = (0.0, 0.0);
            for (var k = 0; k < expected.Length; k++)
            {
                chosen += Math.Pow(actual[k] - expected[k], 2);
                plain += Math.Pow((Fp4.Doubled(Fp4.FromDoubled(Vector512.Create(expected[k] / scale))[0]) * scale) - expected[k], 2);
            }

            chosen.ShouldBeLessThanOrEqualTo((plain * 1.01) + 1e-9); // the f16 scale may cost a little
        });
    }

    [Fact]
    public void Fp4_values_that_a_scale_holds_exactly_come_back_as_they_are()
    {
        var values = new float[32 * 64];
        for (var i = 0; i < values.Length; i++) values[i] = Fp4.Doubled(i * 7 % 16) * 0.125f;
        Read(WeightFormat.Fp4, 32, 64, values).ShouldBe(values);
    }

    [Theory]
    [InlineData("Int8")]
    [InlineData("Fp8")]
    [InlineData("Fp4")]
    public void Zeros_stay_zeros_beside_other_rows_and_groups(string format)
    {
        var values = TestMatrix.Values(32 * 256, new Random(4));
        values.AsSpan(5 * 256, 256).Clear();
        values.AsSpan((9 * 256) + 128, 128).Clear();
        var actual = Read(Parse(format), 32, 256, values);
        for (var i = 0; i < values.Length; i++)
        {
            if (values[i] == 0) actual[i].ShouldBe(0);
        }
    }

    [Theory]
    [InlineData("Int8", float.NaN)]
    [InlineData("Fp8", float.NaN)]
    [InlineData("Fp4", float.NaN)]
    [InlineData("Int8", float.NegativeInfinity)]
    [InlineData("Fp8", float.PositiveInfinity)]
    [InlineData("Fp4", float.PositiveInfinity)]
    [InlineData("Int8", 1e9f)] // a scale of 7.9 million is no f16
    [InlineData("Fp4", 1e9f)]
    public void A_weight_that_a_quantised_format_cannot_hold_is_refused_with_its_row(string format, float bad)
    {
        var values = TestMatrix.Values(70 * 40, new Random(5));
        values[(66 * 40) + 39] = bad;
        using var source = new TestMatrix(TensorType.F32, 70, 40, values);
        var error = Should.Throw<WeightRangeException>(() => Pack(Parse(format), source.Matrix).Dispose());
        error.Row.ShouldBe(66);
        error.Message.ShouldContain("bf16");
    }

    [Theory]
    [MemberData(nameof(Formats))]
    public void Stacked_sources_give_the_bytes_of_one_matrix_and_any_range_of_panels_its_own(string name)
    {
        var format = Parse(name);
        const int Columns = 75;
        var values = TestMatrix.Values(100 * Columns, new Random(6));
        using var whole = new TestMatrix(TensorType.F32, 100, Columns, values);
        using var expected = Pack(format, whole.Matrix);
        using var target = new AlignedMemory(expected.LengthBytes);
        WeightMatrix[] parts = [whole.Matrix.Slice(0, 50), whole.Matrix.Slice(50, 1), whole.Matrix.Slice(51, 49)];
        PanelPacker.Pack(parts, format, target.Start, 2, 4);
        PanelPacker.Pack(parts, format, target.Start, 0, 2);
        var length = (int)expected.LengthBytes;
        new ReadOnlySpan<byte>(target.Start, length).SequenceEqual(new ReadOnlySpan<byte>(expected.Start, length)).ShouldBeTrue();
    }

    [Fact]
    public void Sources_of_different_columns_and_panels_beyond_the_end_are_refused()
    {
        using var a = new TestMatrix(TensorType.F32, 4, 8, new float[32]);
        using var b = new TestMatrix(TensorType.F32, 4, 9, new float[36]);
        using var memory = new AlignedMemory(PanelPacker.SizeOf(WeightFormat.F32, 8, 9));
        Should.Throw<ArgumentOutOfRangeException>(() => PanelPacker.Pack([a.Matrix, b.Matrix], WeightFormat.F32, memory.Start, 0, 1));
        Should.Throw<ArgumentOutOfRangeException>(() => PanelPacker.Pack([a.Matrix], WeightFormat.F32, memory.Start, 0, 2));
    }

    [Theory]
    [InlineData(Precision.Auto, "F16", "F16", "F16", "F16")]
    [InlineData(Precision.Auto, "BF16", "Bf16", "Bf16", "Bf16")]
    [InlineData(Precision.Auto, "F32", "Bf16", "Bf16", "Bf16")]
    [InlineData(Precision.F32, "BF16", "F32", "F32", "F32")]
    [InlineData(Precision.Bf16, "F16", "Bf16", "Bf16", "Bf16")]
    [InlineData(Precision.Int8, "BF16", "Int8", "Int8", "Bf16")]
    [InlineData(Precision.Fp8, "F16", "Fp8", "Int8", "F16")]
    [InlineData(Precision.Fp4, "BF16", "Fp4", "Int8", "Bf16")]
    public void A_precision_gives_projections_head_and_router_these_formats(
        Precision precision, string stored, string projection, string head, string wide)
    {
        WeightFormats.Of(precision, Type(stored)).ShouldBe(Parse(projection));
        WeightFormats.Of(precision, Type(stored), head: true).ShouldBe(Parse(head));
        WeightFormats.Wide(precision, Type(stored)).ShouldBe(Parse(wide));
    }

    [Fact]
    public void Precisions_are_named_and_parsed()
    {
        foreach (var precision in Enum.GetValues<Precision>())
        {
            PrecisionNames.TryParse(PrecisionNames.NameOf(precision), out var parsed).ShouldBeTrue();
            parsed.ShouldBe(precision);
        }

        PrecisionNames.TryParse("int4", out _).ShouldBeFalse();
        PrecisionNames.All.ShouldBe(["auto", "f32", "bf16", "int8", "fp8", "fp4"]);
    }

    private static AlignedMemory Pack(WeightFormat format, WeightMatrix source)
    {
        var memory = new AlignedMemory(PanelPacker.SizeOf(format, source.Rows, source.Columns));
        try
        {
            PanelPacker.Pack([source], format, memory.Start, 0, PanelLayout.PanelCount(source.Rows));
            return memory;
        }
        catch
        {
            memory.Dispose();
            throw;
        }
    }

    private static float[] Read(WeightFormat format, int rows, int columns, float[] values)
    {
        using var source = new TestMatrix(TensorType.F32, rows, columns, values);
        using var memory = Pack(format, source.Matrix);
        var packed = new PanelMatrix(format, rows, columns, memory.Start, memory);
        var result = new float[rows * columns];
        for (var row = 0; row < rows; row++) packed.ReadRow(row, result.AsSpan(row * columns, columns));
        return result;
    }

    private static void ForEachGroup(
        WeightFormat format, int rows, int columns, float[] values, int groupColumns, Action<float[], float[]> check)
    {
        var actual = Read(format, rows, columns, values);
        for (var start = 0; start < values.Length; start += columns)
        {
            for (var first = 0; first < columns; first += groupColumns)
            {
                var range = (start + first)..(start + Math.Min(columns, first + groupColumns));
                check(values[range], actual[range]);
            }
        }
    }

    private static float Largest(ReadOnlySpan<float> values)
    {
        var largest = 0f;
        foreach (var value in values) largest = MathF.Max(largest, MathF.Abs(value));
        return largest;
    }

    private static TensorType Type(string name) => TensorTypes.TryParse(name, out var type) ? type : throw new ArgumentException(name);

    private static WeightFormat Parse(string name) => Enum.Parse<WeightFormat>(name);
}
