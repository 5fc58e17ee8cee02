using Stoker.Engine.Kernels;
using Stoker.Engine.Native;
using Stoker.Engine.Weights;

namespace Stoker.Engine.Tests.Kernels;

/// <summary>The two halves of an addon in every kernel set against the reference, for odd ranks, columns and outputs.</summary>
public unsafe class LowRankKernelTests
{
    private static readonly KernelSet Reference = KernelSets.Choose("reference");

    public static TheoryData<string> Sets() => [.. KernelSets.SupportedNames];

    [Theory]
    [MemberData(nameof(Sets))]
    public void Shrink_equals_the_reference_and_is_the_same_bits_for_any_number_of_rows(string set)
    {
        var kernels = KernelSets.Choose(set);
        foreach (var (rank, columns) in new[] { (1, 1), (3, 31), (4, 32), (7, 33), (16, 200), (40, 96), (64, 1030) })
        {
            var random = new Random(rank + columns);
            var padded = LowRankLayout.Padded(columns);
            using var a = Bf16(rank * padded, random);
            var x = TestMatrix.Values(KernelSet.LowRankRows * padded, random);
            for (var t = 0; t < KernelSet.LowRankRows; t++) x.AsSpan((t * padded) + columns, padded - columns).Clear();
            var part = new ShrinkPart((nint)a.Start, rank, 0, 0.75f);
            for (var rows = 1; rows <= KernelSet.LowRankRows; rows++)
            {
                var (h, expected, single) = (new float[rows * rank], new float[rows * rank], new float[rows * rank]);
                fixed (float* source = x, target = h, exact = expected, alone = single)
                {
                    kernels.Shrink(part, 0, rank, padded, source, padded, rows, target, rank);
                    Reference.Shrink(part, 0, rank, padded, source, padded, rows, exact, rank);
                    for (var t = 0; t < rows; t++)
                    {
                        for (var r = 0; r < rank; r++) kernels.Shrink(part, r, r + 1, padded, source + (t * padded), padded, 1, alone + (t * rank), rank);
                    }
                }

                h.ShouldHaveTheBitsOf(single, $"rank {rank}, {columns} columns, {rows} rows");
                for (var i = 0; i < h.Length; i++) ((double)h[i]).ShouldBe(expected[i], 1e-5 * columns, $"rank {rank}, {columns} columns, value {i}");
            }
        }
    }

    [Theory]
    [MemberData(nameof(Sets))]
    public void Expand_equals_the_reference_and_leaves_what_is_beyond_its_outputs_alone(string set)
    {
        var kernels = KernelSets.Choose(set);
        foreach (var (rank, count) in new[] { (1, 32), (2, 1), (5, 31), (16, 17), (64, 32) })
        {
            var random = new Random(rank + count);
            using var b = Bf16(rank * PanelLayout.Rows, random);
            var (h, start) = (TestMatrix.Values(KernelSet.LowRankRows * rank, random), TestMatrix.Values(KernelSet.LowRankRows * 40, random));
            for (var rows = 1; rows <= KernelSet.LowRankRows; rows++)
            {
                var (y, expected, single) = ((float[])start.Clone(), (float[])start.Clone(), (float[])start.Clone());
                Expand(kernels, (ushort*)b.Start, rank, h, rows, y, count);
                Expand(Reference, (ushort*)b.Start, rank, h, rows, expected, count);
                for (var t = 0; t < rows; t++) Expand(kernels, (ushort*)b.Start, rank, h[(t * rank)..], 1, single.AsSpan(t * 40), count);
                y.ShouldHaveTheBitsOf(single, $"rank {rank}, {count} outputs, {rows} rows");
                for (var i = 0; i < y.Length; i++)
                {
                    if (i % 40 >= count || i / 40 >= rows) y[i].ShouldBe(start[i]);
                    else ((double)y[i]).ShouldBe(expected[i], 1e-5 * rank);
                }
            }
        }
    }

    [Fact]
    public void Every_value_of_a_chunk_has_a_place_of_its_own() =>
        Enumerable.Range(0, LowRankLayout.Chunk).Select(LowRankLayout.Place).Order().ShouldBe(Enumerable.Range(0, LowRankLayout.Chunk));

    private static void Expand(KernelSet kernels, ushort* b, int rank, float[] h, int rows, Span<float> y, int count)
    {
        var targets = stackalloc float*[KernelSet.LowRankRows];
        fixed (float* source = h, start = y)
        {
            for (var t = 0; t < rows; t++) targets[t] = start + (t * 40);
            kernels.Expand(b, rank, source, rank, rows, targets, count);
        }
    }

    private static AlignedMemory Bf16(int count, Random random)
    {
        var memory = new AlignedMemory(count * sizeof(ushort));
        foreach (ref var value in memory.Slice<ushort>(0, count)) value = BFloat16.FromSingle((float)(random.NextDouble() - 0.5));
        return memory;
    }
}
