using Stoker.Engine.Kernels;
using Stoker.Engine.Native;
using Stoker.Engine.Weights;

namespace Stoker.Engine.Tests.Kernels;

/// <summary>Products with panels of every set and format against the reference, and against themselves in other company.</summary>
public class PanelMultiplyTests
{
    /// <summary>Of the sum of the terms' magnitudes: some 100 times float32's rounding, far below any wrong term.</summary>
    private const float Tolerance = 1e-5f;

    private const double SmallestNormal = 1.1754943508222875e-38;

    private static readonly KernelSet Reference = KernelSets.Choose("reference");

    public static MatrixTheoryData<string, string> SetsAndFormats() => new(KernelSets.SupportedNames, Enum.GetNames<WeightFormat>());

    [Theory]
    [MemberData(nameof(SetsAndFormats))]
    public void Equals_the_reference_for_every_count_of_tokens_and_odd_shapes(string set, string format)
    {
        var kernels = KernelSets.Choose(set);
        var random = new Random(1);
        foreach (var (rows, columns) in new[] { (1, 1), (31, 31), (33, 33), (40, 96), (32, 192), (65, 200), (7, 4864), (64, 1700) })
        {
            using var panels = TestPanels.Random(Parse(format), rows, columns, random);
            for (var tokens = 1; tokens <= 17; tokens += columns > 1000 ? 4 : 1)
            {
                var x = TestMatrix.Values(tokens * columns, random, scale: tokens);
                ShouldEqualTheReference(kernels, panels, x, tokens);
            }
        }
    }

    [Theory]
    [MemberData(nameof(SetsAndFormats))]
    public void Zeros_outliers_tiny_and_huge_values_equal_the_reference(string set, string format)
    {
        var kernels = KernelSets.Choose(set);
        var random = new Random(2);
        const int Rows = 35, Columns = 200, Tokens = 11;
        float[] scales = [0, 1e-38f, 1e-20f, 1e-6f, 1, 448, 6e4f]; // a row each, in turns; 6e4: near f16's end
        var weights = TestMatrix.Values(Rows * Columns, random);
        for (var i = 0; i < weights.Length; i++) weights[i] *= scales[i / Columns % scales.Length];
        weights[(4 * Columns) + 70] = 1000; // one outlier among ones
        using var panels = new TestPanels(Parse(format), Rows, Columns, weights);
        var x = TestMatrix.Values(Tokens * Columns, random);
        for (var i = 0; i < x.Length; i++) x[i] *= scales[(i / Columns) % 5];
        x[(9 * Columns) + 130] = -5000;
        ShouldEqualTheReference(kernels, panels, x, Tokens);
    }

    /// <summary>One weight a row, times 1: the output is the weight itself, infinite or NaN too.</summary>
    [Theory]
    [MemberData(nameof(SetsAndFormats))]
    public void Extreme_weights_of_16_and_32_bit_are_widened_exactly(string set, string formatName)
    {
        var (kernels, format) = (KernelSets.Choose(set), Parse(formatName));
        if (format is not (WeightFormat.F16 or WeightFormat.Bf16 or WeightFormat.F32)) return;
        float[] values = format == WeightFormat.F16
            ? [0, -0f, 1, 65504, -65504, 6.103515625e-5f, 5.9604645e-8f, -2.9802322e-7f, float.PositiveInfinity, float.NegativeInfinity, float.NaN]
            : [0, -0f, 1, 3.3895314e38f, -3.3895314e38f, 1.1754944e-38f, 9.18355e-41f, float.PositiveInfinity, float.NegativeInfinity, float.NaN];
        var losesSubnormals = kernels.FormOf(format) == ActivationForm.Bf16; // as the instruction does
        const int Columns = 40;
        foreach (var column in new[] { 0, 7, 31, 39 })
        {
            var (weights, x) = (new float[values.Length * Columns], new float[Columns]);
            for (var row = 0; row < values.Length; row++) weights[(row * Columns) + column] = values[row];
            x[column] = 1;
            using var panels = new TestPanels(format, values.Length, Columns, weights);
            var y = panels.Multiply(kernels, x, 1);
            for (var row = 0; row < values.Length; row++)
            {
                var expected = losesSubnormals && float.IsSubnormal(values[row]) ? 0 : values[row];
                (y[row].Equals(expected) || (y[row] == 0 && expected == 0)).ShouldBeTrue($"{values[row]} became {y[row]}");
            }
        }
    }

    [Theory]
    [MemberData(nameof(SetsAndFormats))]
    public void An_output_has_the_same_bits_for_any_number_of_tokens_and_any_cut_of_panels(string set, string format)
    {
        var kernels = KernelSets.Choose(set);
        var random = new Random(3);
        foreach (var (rows, columns) in new[] { (70, 45), (130, 300), (100, 1700) })
        {
            using var panels = TestPanels.Random(Parse(format), rows, columns, random);
            const int Tokens = 25;
            var x = TestMatrix.Values(Tokens * columns, random);
            var alone = new float[Tokens * rows];
            for (var t = 0; t < Tokens; t++)
            {
                panels.Multiply(kernels, x.AsSpan(t * columns, columns), 1).CopyTo(alone, t * rows);
            }

            for (var tokens = 1; tokens <= Tokens; tokens++)
            {
                var together = panels.Multiply(kernels, x.AsSpan(0, tokens * columns), tokens, cut: tokens % (panels.Matrix.PanelCount + 1));
                together.ShouldHaveTheBitsOf(alone.AsSpan(0, tokens * rows), $"{rows}x{columns}, {tokens} tokens");
            }
        }
    }

    [Theory]
    [MemberData(nameof(SetsAndFormats))]
    public void Prefill_over_several_ranges_of_tiles_and_blocks_of_columns_has_the_same_bits(string set, string format)
    {
        var kernels = KernelSets.Choose(set);
        var random = new Random(4);
        const int Rows = 34, Columns = 4864, Tokens = 150;
        using var panels = TestPanels.Random(Parse(format), Rows, Columns, random);
        panels.Matrix.BlockCount.ShouldBeGreaterThan(1);
        var x = TestMatrix.Values(Tokens * Columns, random);
        var together = panels.Multiply(kernels, x, set == "reference" ? 9 : Tokens);
        foreach (var t in new[] { 0, 1, 8, 77, 143, 144, 149 })
        {
            if ((t + 1) * Rows > together.Length) break;
            panels.Multiply(kernels, x.AsSpan(t * Columns, Columns), 1).ShouldHaveTheBitsOf(together.AsSpan(t * Rows, Rows), $"token {t}");
        }
    }

    [Theory]
    [MemberData(nameof(SetsAndFormats))]
    public void Only_the_rows_of_the_named_panels_are_written(string set, string format)
    {
        var kernels = KernelSets.Choose(set);
        const int Rows = 75, Columns = 64, Tokens = 9, Stride = 80;
        using var panels = TestPanels.Random(Parse(format), Rows, Columns, new Random(5));
        using var buffer = new ActivationBuffer(Tokens, Columns);
        kernels.Pack(TestMatrix.Values(Tokens * Columns, new Random(6)), Tokens, 0, 2, panels.Matrix, buffer);
        var y = Enumerable.Repeat(float.MaxValue, Tokens * Stride).ToArray();
        kernels.Multiply(panels.Matrix, 1, 3, buffer, Tokens, y, Stride);
        for (var i = 0; i < y.Length; i++)
        {
            (y[i] == float.MaxValue).ShouldBe(i % Stride is < 32 or >= Rows, $"output {i}");
        }
    }

    [Theory]
    [MemberData(nameof(SetsAndFormats))]
    public void A_token_that_is_not_finite_reaches_its_outputs_and_no_others(string set, string format)
    {
        var kernels = KernelSets.Choose(set);
        const int Rows = 40, Columns = 160, Tokens = 9;
        using var panels = TestPanels.Random(Parse(format), Rows, Columns, new Random(7));
        // The last NaNs are those of erased memory: rounded as numbers they would become zero.
        foreach (var bits in new[] { 0xFFC00000u, 0x7F800000u, 0x7F800001u, 0x7FFFFFFFu, uint.MaxValue })
        {
            var x = TestMatrix.Values(Tokens * Columns, new Random(8));
            x[(3 * Columns) + 140] = BitConverter.UInt32BitsToSingle(bits);
            var y = panels.Multiply(kernels, x, Tokens);
            for (var i = 0; i < y.Length; i++)
            {
                float.IsFinite(y[i]).ShouldBe(i / Rows != 3, $"{bits:X}: output {i} is {y[i]}");
            }
        }
    }

    [Theory]
    [MemberData(nameof(SetsAndFormats))]
    public unsafe void A_tile_of_attention_equals_the_reference_and_can_start_at_what_is_there(string set, string formatName)
    {
        var format = Parse(formatName);
        if (format is not (WeightFormat.F32 or WeightFormat.Bf16)) return;
        var kernels = KernelSets.Choose(set);
        var random = new Random(9);
        foreach (var columns in new[] { 2, 32, 64, 80, 128, 256 })
        {
            using var panels = TestPanels.Random(format, 32, columns, random);
            using var packed = new AlignedMemory(8 * columns * 4);
            using var exact = new AlignedMemory(8 * columns * 4);
            for (var mr = 1; mr <= 8; mr++)
            {
                var stride = columns + 3;
                var x = TestMatrix.Values(mr * stride, random);
                var start = TestMatrix.Values(mr * 40, random);
                var rounded = RoundedActivations.Of(kernels.FormOf(format), x, x.Length);
                foreach (var accumulate in new[] { false, true })
                {
                    var (expected, actual) = (start.ToArray(), start.ToArray());
                    fixed (float* source = x, sourceRounded = rounded, e = expected, a = actual)
                    {
                        kernels.PackTile(format, source, stride, columns, mr, packed.Start);
                        kernels.Tile(format, panels.Matrix.Panel(0), columns, packed.Start, mr, a, 40, accumulate);
                        Reference.PackTile(format, sourceRounded, stride, columns, mr, exact.Start);
                        Reference.Tile(format, panels.Matrix.Panel(0), columns, exact.Start, mr, e, 40, accumulate);
                    }

                    for (var i = 0; i < actual.Length; i++)
                    {
                        actual[i].ShouldBe(expected[i], Tolerance * columns, $"{columns} columns, {mr} tokens, output {i}");
                    }
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(SetsAndFormats))]
    public void Packing_and_multiplying_allocate_nothing(string set, string format)
    {
        if (set == "reference") return;
        var kernels = KernelSets.Choose(set);
        const int Rows = 150, Columns = 300, Tokens = 19;
        using var panels = TestPanels.Random(Parse(format), Rows, Columns, new Random(11));
        using var buffer = new ActivationBuffer(Tokens, Columns);
        var (x, y) = (new float[Tokens * Columns], new float[Tokens * Rows]);
        for (var run = 0; run < 2; run++) // the first makes the thread's scratch
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            foreach (var tokens in (ReadOnlySpan<int>)[1, Tokens])
            {
                kernels.Pack(x, tokens, 0, KernelSet.TileCount(tokens), panels.Matrix, buffer);
                kernels.Multiply(panels.Matrix, 0, panels.Matrix.PanelCount, buffer, tokens, y, Rows);
            }

            if (run == 1) (GC.GetAllocatedBytesForCurrentThread() - before).ShouldBe(0);
        }
    }

    [Fact]
    public void A_buffer_packed_for_something_else_or_too_small_is_refused()
    {
        var kernels = KernelSets.Choose("portable");
        using var panels = TestPanels.Random(WeightFormat.Bf16, 32, 64, new Random(10));
        using var wide = TestPanels.Random(WeightFormat.Bf16, 32, 128, new Random(10));
        using var buffer = new ActivationBuffer(8, 64);
        var y = new float[9 * 32];
        kernels.Pack(new float[8 * 64], 8, 0, 1, panels.Matrix, buffer);
        Should.Throw<InvalidOperationException>(() => kernels.Multiply(panels.Matrix, 0, 1, buffer, 7, y, 32));
        Should.Throw<InvalidOperationException>(() => kernels.Multiply(wide.Matrix, 0, 1, buffer, 8, y, 32));
        Should.Throw<ArgumentException>(() => kernels.Pack(new float[9 * 64], 9, 0, 2, panels.Matrix, buffer));
        Should.Throw<ArgumentOutOfRangeException>(() => kernels.Multiply(panels.Matrix, 0, 1, buffer, 8, new float[(8 * 32) - 1], 32));
        Should.Throw<ArgumentOutOfRangeException>(() => kernels.Multiply(panels.Matrix, 0, 2, buffer, 8, y, 32));
        Should.Throw<ArgumentOutOfRangeException>(() => kernels.Pack(new float[(8 * 64) - 1], 8, 0, 1, panels.Matrix, buffer));
    }

    private static void ShouldEqualTheReference(KernelSet kernels, TestPanels panels, float[] x, int tokens)
    {
        var (w, rows) = (panels.Matrix, panels.ReadRows());
        var rounded = RoundedActivations.Of(kernels.FormOf(w.Format), x, w.Columns);
        var expected = panels.Multiply(Reference, rounded, tokens);
        var actual = panels.Multiply(kernels, x, tokens);
        for (var i = 0; i < expected.Length; i++)
        {
            var (token, row) = (i / w.Rows, i % w.Rows);
            var (magnitudes, subnormal) = (0.0, 1e-37); // the dot product of bf16 takes numbers below the smallest normal one as zero
            for (var k = 0; k < w.Columns; k++)
            {
                var (a, b) = (Math.Abs((double)rows[row][k]), Math.Abs((double)rounded[(token * w.Columns) + k]));
                magnitudes += a * b;
                subnormal += SmallestNormal * (a + b);
            }

            actual[i].ShouldBe(
                expected[i], (float)((Tolerance * magnitudes) + subnormal), $"{w.Format} {w.Rows}x{w.Columns}, {tokens} tokens, output {i}");
        }
    }

    private static WeightFormat Parse(string name) => Enum.Parse<WeightFormat>(name);
}
