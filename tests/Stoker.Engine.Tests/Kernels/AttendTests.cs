using Stoker.Engine.Kernels;
using Stoker.Engine.KvCache;
using Stoker.Engine.Models;

namespace Stoker.Engine.Tests.Kernels;

/// <summary>
/// Attention of every set against the reference: positions around block edges, windows, soft cap, odd head sizes.
/// </summary>
public class AttendTests
{
    private const int Blocks = 20;

    public static TheoryData<string> Sets() => [.. KernelSets.SupportedNames];

    [Theory]
    [MemberData(nameof(Sets))]
    public void Equals_the_reference_at_block_edges(string set)
    {
        foreach (var dim in new[] { 2, 6, 16, 32, 48, 80, 128 })
        {
            foreach (var position in new[] { 0, 1, 15, 16, 17, 47, 63, 64, 65, 127, 128, 200, 319 })
            {
                Compare(set, dim, new AttentionMask(position, 0), new AttentionScale(1 / MathF.Sqrt(dim), 0));
            }
        }
    }

    [Theory]
    [MemberData(nameof(Sets))]
    public void Equals_the_reference_in_a_sliding_window(string set)
    {
        foreach (var window in new[] { 1, 2, 15, 16, 17, 63, 64, 65, 100, 1000 })
        {
            foreach (var position in new[] { 0, 16, 63, 64, 80, 127, 128, 130, 319 })
            {
                Compare(set, 32, new AttentionMask(position, window), new AttentionScale(0.2f, 0));
            }
        }
    }

    [Theory]
    [MemberData(nameof(Sets))]
    public void Equals_the_reference_with_capped_scores(string set) =>
        Compare(set, 32, new AttentionMask(150, 0), new AttentionScale(3, 10));

    /// <summary>
    /// Scores of some hundreds: without subtracting the highest, every exponential overflows or vanishes.
    /// </summary>
    [Theory]
    [MemberData(nameof(Sets))]
    public void Large_scores_stay_finite(string set) =>
        Compare(set, 32, new AttentionMask(150, 0), new AttentionScale(60, 0), tolerance: 2e-3f);

    [Theory]
    [MemberData(nameof(Sets))]
    public void What_lies_behind_the_last_position_and_before_the_window_is_never_seen(string set)
    {
        var kernels = KernelSets.Choose(set);
        var mask = new AttentionMask(70, 40);
        var random = new Random(9);
        var queries = TestMatrix.Values(64, random);
        var outputs = new List<float[]>();
        foreach (var garbage in new[] { 0f, 1e30f, float.NaN, float.NegativeInfinity })
        {
            using var kv = Filled(32, seed: 5);
            for (var position = 0; position < Blocks * KvStore.BlockSize; position++)
            {
                if (position < mask.First || position > mask.Position)
                {
                    var values = Enumerable.Repeat(garbage, 32).ToArray();
                    kv.Write(0, Table[position / 16], position % 16, 0, values, values);
                }
            }

            var output = new float[64];
            kernels.Attend(new KvPages(kv, 0, 0, Table), mask, new AttentionScale(0.3f, 0), queries, output);
            outputs.Add(output);
        }

        outputs.ShouldAllBe(output => output.SequenceEqual(outputs[0]));
    }

    private static readonly int[] Table = [.. Enumerable.Range(0, Blocks).Select(i => i * 7 % Blocks)];

    private static void Compare(string set, int dim, AttentionMask mask, AttentionScale scale, float tolerance = 2e-5f)
    {
        using var kv = Filled(dim, seed: 7);
        var queries = TestMatrix.Values(3 * dim, new Random(8));
        var (expected, actual) = (new float[3 * dim], new float[3 * dim]);
        var pages = new KvPages(kv, 0, 0, Table);
        KernelSets.Choose("reference").Attend(pages, mask, scale, queries, expected);
        KernelSets.Choose(set).Attend(pages, mask, scale, queries, actual);
        for (var i = 0; i < expected.Length; i++)
        {
            actual[i].ShouldBe(expected[i], tolerance, $"dim {dim}, {mask}, {scale}, value {i}");
        }
    }

    private static KvStore Filled(int dim, int seed)
    {
        var random = new Random(seed);
        var kv = new KvStore(new ModelShape(1, dim, 3, 1, dim, 10, 512), Blocks);
        for (var position = 0; position < Blocks * KvStore.BlockSize; position++)
        {
            kv.Write(0, Table[position / 16], position % 16, 0, TestMatrix.Values(dim, random), TestMatrix.Values(dim, random));
        }

        return kv;
    }
}
