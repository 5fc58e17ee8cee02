using Stoker.Engine.Kernels;
using Stoker.Engine.Models;
using Stoker.Engine.Native;
using Stoker.Engine.Weights;

namespace Stoker.Engine.Tests.Kernels;

/// <summary>Products on a team against the same kernels called once, over everything, on one thread.</summary>
public sealed class ParallelKernelsTests
{
    public static TheoryData<string> Sets() => [.. KernelSets.SupportedNames];

    [Theory]
    [MemberData(nameof(Sets))]
    public void Any_team_and_any_number_of_rows_give_the_bits_of_one_thread(string set)
    {
        const int Rows = 330, Columns = 96; // 11 panels, the last one not full
        var kernels = KernelSets.Choose(set);
        using var matrix = TestMatrix.Random(TensorType.BF16, Rows, Columns, new Random(1));
        using var packed = new PackedTestMatrix(matrix.Matrix, WeightFormat.Bf16);
        foreach (var tokens in new[] { 1, 2, 7, 8, 9, 16, 19 })
        {
            var x = TestMatrix.Values(tokens * Columns, new Random(tokens));
            var expected = Once(kernels, packed.Panels, x, tokens);
            foreach (var threads in new[] { 1, 2, 3, 5 })
            {
                using var team = new ThreadTeam(threads) { MinimumWork = 0 };
                foreach (var ownValues in new[] { 16_384, 0 }) // each thread for itself, and packed together
                {
                    using var parallel = new ParallelKernels(kernels, team, Columns, 0) { MostOwnValues = ownValues };
                    var (actual, published) = (new float[tokens * Rows], new int[tokens]);
                    parallel.Project(
                        packed.Panels,
                        (row, target, publish) =>
                        {
                            x.AsSpan(row * Columns, Columns).CopyTo(target);
                            Interlocked.Add(ref published[row], publish ? 1 : 0);
                        },
                        tokens, actual, Rows);
                    actual.ShouldHaveTheBitsOf(expected, $"{tokens} tokens, {threads} threads, own values {ownValues}");
                    published.ShouldAllBe(count => count == 1);
                }
            }
        }
    }

    /// <summary>down · (act(gate + bias) · (up + bias)), bit for bit what the three products give when they are computed apart.</summary>
    [Theory]
    [MemberData(nameof(Sets))]
    public void A_gated_product_is_three_products_joined(string set)
    {
        const int Columns = 96, Rows = 40, Stride = 50;
        var kernels = KernelSets.Choose(set);
        foreach (var (format, downFormat, inner, activation, biased) in new[]
        {
            (WeightFormat.Bf16, WeightFormat.Bf16, 330, Activation.Silu, false), // the last panel is not full, the last group has three
            (WeightFormat.Bf16, WeightFormat.F32, 2500, Activation.Silu, true), // down has several blocks of columns
            (WeightFormat.Fp8, WeightFormat.Int8, 330, Activation.GeluTanh, true),
            (WeightFormat.Int8, WeightFormat.Int8, 2500, Activation.Silu, true),
            (WeightFormat.Fp4, WeightFormat.Fp4, 200, Activation.Silu, false),
            (WeightFormat.Int8, WeightFormat.Fp8, 31, Activation.GeluTanh, true), // less than a panel
        })
        {
            using var gate = new PackedTestMatrix(inner, Columns, format, seed: 4);
            using var up = new PackedTestMatrix(inner, Columns, format, seed: 5);
            using var down = new PackedTestMatrix(Rows, inner, downFormat, seed: 6);
            var (gateBias, upBias) = biased ? (TestMatrix.Values(inner, new Random(7)), TestMatrix.Values(inner, new Random(8))) : (null, null);
            var gateUp = new GatedPanels(gate.Panels, up.Panels, gateBias, upBias, activation);
            foreach (var tokens in set == "reference" ? [1, 9] : new[] { 1, 3, 8, 9, 70 })
            {
                var x = TestMatrix.Values(tokens * Columns, new Random(tokens));
                var expected = Once(kernels, down.Panels, Joined(kernels, gateUp, x, tokens), tokens);
                foreach (var (threads, ownValues) in new[] { (1, 16_384), (3, 16_384), (2, 0) })
                {
                    using var team = new ThreadTeam(threads) { MinimumWork = 0 };
                    using var parallel = new ParallelKernels(kernels, team, Columns, inner) { MostOwnValues = ownValues };
                    var actual = Enumerable.Repeat(7f, tokens * Stride).ToArray();
                    parallel.ProjectGated(gateUp, down.Panels, (row, target, _) => x.AsSpan(row * Columns, Columns).CopyTo(target), tokens, actual, Stride);
                    for (var row = 0; row < tokens; row++)
                    {
                        actual.AsSpan(row * Stride, Rows).ToArray().ShouldHaveTheBitsOf(
                            expected.AsSpan(row * Rows, Rows).ToArray(), $"{format}, {downFormat}, {tokens} tokens, {threads} threads");
                        actual.AsSpan((row * Stride) + Rows, Stride - Rows).ToArray().ShouldAllBe(value => value == 7);
                    }
                }
            }
        }
    }

    [Theory]
    [InlineData(3)]
    [InlineData(20)]
    public void Rows_that_are_there_need_no_source(int tokens)
    {
        const int Rows = 70, Columns = 64;
        var kernels = KernelSets.Choose();
        using var matrix = TestMatrix.Random(TensorType.BF16, Rows, Columns, new Random(8));
        using var packed = new PackedTestMatrix(matrix.Matrix, WeightFormat.Bf16);
        using var team = new ThreadTeam(2) { MinimumWork = 0 };
        using var parallel = new ParallelKernels(kernels, team, Columns, 0);
        var x = TestMatrix.Values(tokens * Columns, new Random(9));
        var actual = new float[tokens * Rows];

        parallel.Project(packed.Panels, x, tokens, actual, Rows);

        actual.ShouldHaveTheBitsOf(Once(kernels, packed.Panels, x, tokens), "without a source");
        Should.Throw<ArgumentOutOfRangeException>(() => parallel.Project(packed.Panels, x.AsSpan(1), tokens, actual, Rows));
    }

    [Fact]
    public void Gate_and_up_are_of_one_shape()
    {
        using var matrix = TestMatrix.Random(TensorType.BF16, 40, 32, new Random(2));
        using var packed = new PackedTestMatrix(matrix.Matrix, WeightFormat.Bf16);
        using var other = new PackedTestMatrix(matrix.Matrix, WeightFormat.Int8);
        Should.Throw<ArgumentException>(() => new GatedPanels(packed.Panels, other.Panels, null, null, Activation.Silu)).Message.ShouldContain("Int8 [40, 32]");
    }

    [Fact]
    public void Outputs_beyond_the_matrix_stay_as_they_are_and_capped_ones_stay_below()
    {
        const int Rows = 40, Columns = 32, Stride = 50;
        var kernels = KernelSets.Choose();
        using var matrix = TestMatrix.Random(TensorType.BF16, Rows, Columns, new Random(2));
        using var packed = new PackedTestMatrix(matrix.Matrix, WeightFormat.Bf16);
        using var team = new ThreadTeam(2) { MinimumWork = 0 };
        using var parallel = new ParallelKernels(kernels, team, Columns, 0);
        var x = TestMatrix.Values(3 * Columns, new Random(3), scale: 10);
        var (plain, capped) = (Enumerable.Repeat(7f, 3 * Stride).ToArray(), Enumerable.Repeat(7f, 3 * Stride).ToArray());
        parallel.Project(packed.Panels, (row, target, _) => x.AsSpan(row * Columns, Columns).CopyTo(target), 3, plain, Stride);
        parallel.Project(packed.Panels, (row, target, _) => x.AsSpan(row * Columns, Columns).CopyTo(target), 3, capped, Stride, softCap: 5);
        for (var row = 0; row < 3; row++)
        {
            plain.AsSpan((row * Stride) + Rows, Stride - Rows).ToArray().ShouldAllBe(value => value == 7);
            capped.AsSpan((row * Stride) + Rows, Stride - Rows).ToArray().ShouldAllBe(value => value == 7);
            kernels.SoftCap(plain.AsSpan(row * Stride, Rows), 5);
            capped.AsSpan(row * Stride, Rows).ToArray().ShouldHaveTheBitsOf(plain.AsSpan(row * Stride, Rows));
        }
    }

    [Fact]
    public void Wrong_sizes_are_bugs_of_the_caller()
    {
        using var matrix = TestMatrix.Random(TensorType.BF16, 40, 32, new Random(2));
        using var packed = new PackedTestMatrix(matrix.Matrix, WeightFormat.Bf16);
        using var team = new ThreadTeam(1);
        using var parallel = new ParallelKernels(KernelSets.Choose("portable"), team, 32, 32);
        using var narrow = new ParallelKernels(KernelSets.Choose("portable"), team, 31, 31);
        RowSource zeros = (_, target, _) => target.Clear();
        Should.Throw<ArgumentOutOfRangeException>(() => parallel.Project(packed.Panels, zeros, 2, new float[79], 40));
        Should.Throw<ArgumentOutOfRangeException>(() => parallel.Project(packed.Panels, zeros, 1, new float[80], 39));
        Should.Throw<ArgumentOutOfRangeException>(() => narrow.Project(packed.Panels, zeros, 1, new float[80], 40));
        using var gate = new PackedTestMatrix(32, 32, WeightFormat.Bf16, seed: 3);
        var gateUp = new GatedPanels(gate.Panels, gate.Panels, null, null, Activation.Silu);
        Should.Throw<ArgumentOutOfRangeException>(() => narrow.ProjectGated(gateUp, packed.Panels, zeros, 1, new float[40], 40));
        Should.Throw<ArgumentOutOfRangeException>(() => parallel.ProjectGated(gateUp, packed.Panels, zeros, 1, new float[39], 40));
        using var wide = new PackedTestMatrix(40, 64, WeightFormat.Bf16, seed: 3);
        using var wider = new ParallelKernels(KernelSets.Choose("portable"), team, 32, 64);
        Should.Throw<ArgumentOutOfRangeException>(() => wider.ProjectGated(gateUp, wide.Panels, zeros, 1, new float[40], 40));
    }

    private static float[] Joined(KernelSet kernels, GatedPanels w, float[] x, int tokens)
    {
        var (gates, ups) = (Once(kernels, w.Gate, x, tokens), Once(kernels, w.Up, x, tokens));
        for (var row = 0; row < tokens; row++)
        {
            var gate = gates.AsSpan(row * w.Gate.Rows, w.Gate.Rows);
            var up = ups.AsSpan(row * w.Gate.Rows, w.Gate.Rows);
            if (w.GateBias is not null) kernels.Add(gate, w.GateBias);
            if (w.UpBias is not null) kernels.Add(up, w.UpBias);
            if (w.Activation == Activation.Silu) kernels.SiluMultiply(gate, up);
            else kernels.GeluMultiply(gate, up);
        }

        return gates;
    }

    private static float[] Once(KernelSet kernels, PanelMatrix w, float[] x, int tokens)
    {
        using var input = new ActivationBuffer(tokens, w.Columns);
        var y = new float[tokens * w.Rows];
        kernels.Pack(x, tokens, 0, KernelSet.TileCount(tokens), w, input);
        kernels.Multiply(w, 0, w.PanelCount, input, tokens, y, w.Rows);
        return y;
    }

    private sealed unsafe class PackedTestMatrix : IDisposable
    {
        private readonly AlignedMemory _memory;

        public PackedTestMatrix(int rows, int columns, WeightFormat format, int seed)
            : this(TestMatrix.Random(TensorType.BF16, rows, columns, new Random(seed)), format)
        {
        }

        public PackedTestMatrix(TestMatrix matrix, WeightFormat format)
            : this(matrix.Matrix, format) => matrix.Dispose();

        public PackedTestMatrix(WeightMatrix matrix, WeightFormat format)
        {
            _memory = new AlignedMemory(PanelLayout.SizeOf(format, matrix.Rows, matrix.Columns));
            Panels = new PanelMatrix(format, matrix.Rows, matrix.Columns, _memory.Start, _memory);
            PanelPacker.Pack([matrix], format, _memory.Start, 0, Panels.PanelCount);
        }

        public PanelMatrix Panels { get; }

        public void Dispose() => _memory.Dispose();
    }
}
