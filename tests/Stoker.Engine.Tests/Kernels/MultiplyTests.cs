using Stoker.Engine.Kernels;
using Stoker.Engine.Weights;

namespace Stoker.Engine.Tests.Kernels;

/// <summary>Matrix products of every set against the reference, and against themselves in other company.</summary>
public class MultiplyTests
{
    /// <summary>
    /// Of the sum of the terms' magnitudes: some 100 times float32's rounding, far below any wrong term.
    /// </summary>
    private const float Tolerance = 1e-5f;

    private static readonly KernelSet Reference = KernelSets.Choose("reference");

    public static TheoryData<string, string> SetsAndTypes()
    {
        var data = new TheoryData<string, string>();
        foreach (var set in KernelSets.SupportedNames)
        {
            foreach (var type in new[] { "BF16", "F16", "F32" })
            {
                data.Add(set, type);
            }
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(SetsAndTypes))]
    public void Equals_the_reference_for_every_count_of_tokens_and_odd_shapes(string set, string typeName)
    {
        var kernels = KernelSets.Choose(set);
        var random = new Random(1);
        foreach (var (rows, columns) in new[] { (1, 1), (3, 5), (4, 16), (7, 17), (13, 63), (8, 192), (5, 300), (66, 129) })
        {
            using var matrix = TestMatrix.Random(Parse(typeName), rows, columns, random);
            for (var tokens = 1; tokens <= 17; tokens++)
            {
                var x = TestMatrix.Values(tokens * columns, random);
                var (expected, actual) = (new float[tokens * rows], new float[tokens * rows]);
                Reference.Multiply(matrix.Matrix, 0, rows, x, tokens, expected);
                kernels.Multiply(matrix.Matrix, 0, rows, x, tokens, actual);
                for (var i = 0; i < expected.Length; i++)
                {
                    actual[i].ShouldBe(expected[i], Tolerance * columns, $"{rows}x{columns}, {tokens} tokens, output {i}");
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(SetsAndTypes))]
    public void An_output_has_the_same_bits_for_any_number_of_tokens_and_any_share_of_rows(string set, string typeName)
    {
        var kernels = KernelSets.Choose(set);
        var random = new Random(2);
        foreach (var (rows, columns) in new[] { (13, 45), (22, 192), (9, 1030) })
        {
            using var matrix = TestMatrix.Random(Parse(typeName), rows, columns, random);
            const int Tokens = 19;
            var x = TestMatrix.Values(Tokens * columns, random);
            var alone = new float[Tokens * rows];
            for (var t = 0; t < Tokens; t++)
            {
                kernels.Multiply(matrix.Matrix, 0, rows, x.AsSpan(t * columns, columns), 1, alone.AsSpan(t * rows, rows));
            }

            for (var tokens = 1; tokens <= Tokens; tokens++)
            {
                for (var cut = 0; cut <= rows; cut += 3)
                {
                    var together = new float[tokens * rows];
                    kernels.Multiply(matrix.Matrix, 0, cut, x, tokens, together);
                    kernels.Multiply(matrix.Matrix, cut, rows, x, tokens, together);
                    together.ShouldHaveTheBitsOf(alone.AsSpan(0, tokens * rows), $"{rows}x{columns}, {tokens} tokens, cut at row {cut}");
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(SetsAndTypes))]
    public void Prefill_over_several_cache_blocks_of_tokens_has_the_same_bits(string set, string typeName)
    {
        var kernels = KernelSets.Choose(set);
        var random = new Random(3);
        const int Rows = 5, Columns = 9000, Tokens = 41; // 512 KiB hold 12 rows of x
        using var matrix = TestMatrix.Random(Parse(typeName), Rows, Columns, random);
        var x = TestMatrix.Values(Tokens * Columns, random);
        var (together, alone) = (new float[Tokens * Rows], new float[Tokens * Rows]);
        kernels.Multiply(matrix.Matrix, 0, Rows, x, Tokens, together);
        for (var t = 0; t < Tokens; t++)
        {
            kernels.Multiply(matrix.Matrix, 0, Rows, x.AsSpan(t * Columns, Columns), 1, alone.AsSpan(t * Rows, Rows));
        }

        together.ShouldHaveTheBitsOf(alone);
    }

    [Theory]
    [MemberData(nameof(SetsAndTypes))]
    public void Extreme_weights_are_widened_exactly(string set, string typeName)
    {
        var type = Parse(typeName);
        // One weight per row times 1: the output is the weight itself. 40 columns: in vectors and in the tail.
        float[] values = type == TensorType.F16
            ? [0, -0f, 1, 65504, -65504, 6.103515625e-5f, 5.9604645e-8f, -2.9802322e-7f, float.PositiveInfinity, float.NegativeInfinity, float.NaN]
            : [0, -0f, 1, 3.3895314e38f, -3.3895314e38f, 1.1754944e-38f, 9.18355e-41f, float.PositiveInfinity, float.NegativeInfinity, float.NaN];
        const int Columns = 40;
        foreach (var column in new[] { 0, 7, 31, 39 })
        {
            var weights = new float[values.Length * Columns];
            for (var row = 0; row < values.Length; row++)
            {
                weights[(row * Columns) + column] = values[row];
            }

            var x = new float[Columns];
            x[column] = 1;
            using var matrix = new TestMatrix(type, values.Length, Columns, weights);
            var y = new float[values.Length];
            KernelSets.Choose(set).Multiply(matrix.Matrix, 0, values.Length, x, 1, y);
            for (var row = 0; row < values.Length; row++)
            {
                (y[row].Equals(values[row]) || (y[row] == 0 && values[row] == 0)).ShouldBeTrue($"{values[row]} became {y[row]}");
            }
        }
    }

    [Theory]
    [MemberData(nameof(SetsAndTypes))]
    public void Only_the_named_rows_are_written(string set, string typeName)
    {
        using var matrix = TestMatrix.Random(Parse(typeName), 11, 20, new Random(4));
        var y = Enumerable.Repeat(float.MaxValue, 33).ToArray();
        KernelSets.Choose(set).Multiply(matrix.Matrix, 3, 8, TestMatrix.Values(60, new Random(5)), 3, y);
        for (var i = 0; i < y.Length; i++)
        {
            (y[i] == float.MaxValue).ShouldBe(i % 11 is < 3 or >= 8, $"output {i}");
        }
    }

    [Theory]
    [InlineData("portable", 20, 30)]
    [InlineData("portable", 40, 10)]
    public void Buffers_that_are_too_short_are_refused(string set, int inputs, int outputs)
    {
        using var matrix = TestMatrix.Random(TensorType.F32, 10, 20, new Random(6));
        Should.Throw<ArgumentOutOfRangeException>(
            () => KernelSets.Choose(set).Multiply(matrix.Matrix, 0, 10, new float[inputs], 2, new float[outputs]));
    }

    private static TensorType Parse(string name) =>
        TensorTypes.TryParse(name, out var type) ? type : throw new ArgumentException(name);
}
