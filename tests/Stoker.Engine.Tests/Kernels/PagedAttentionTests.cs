using FsCheck;
using FsCheck.Fluent;
using Stoker.Engine.Kernels;
using Stoker.Engine.KvCache;
using Stoker.Engine.Models;

namespace Stoker.Engine.Tests.Kernels;

/// <summary>
/// Attention in every set against the plain formula in double, on a store where an earlier owner left NaN everywhere.
/// </summary>
public class PagedAttentionTests
{
    private static readonly int[] Dims = [8, 24, 32, 64, 80, 96, 128, 256];
    private static readonly int[] Groups = [1, 2, 3, 4, 7, 8, 12];

    public static TheoryData<string> Sets() => [.. KernelSets.SupportedNames];

    public static MatrixTheoryData<string, string> SetsAndFormats() => new(KernelSets.SupportedNames, Enum.GetNames<KvFormat>());

    [Theory]
    [MemberData(nameof(SetsAndFormats))]
    public void Equals_the_formula_in_prefill_and_decode(string set, string format)
    {
        foreach (var (group, dim, length) in new[] { (4, 64, 300), (1, 24, 70), (7, 32, 45), (2, 80, 33), (12, 96, 20), (1, 256, 9) })
        {
            using var attention = new AttentionCase(kvHeads: 2, group, dim, Enum.Parse<KvFormat>(format), [length, 1]);
            Compare(attention, set, chunk: length);
            Compare(attention, set, chunk: 7);
        }
    }

    [Theory]
    [MemberData(nameof(Sets))]
    public void Equals_the_formula_in_a_sliding_window(string set)
    {
        foreach (var window in new[] { 1, 2, 31, 32, 33, 64, 100, 255, 256, 257, 1000 })
        {
            using var attention = new AttentionCase(kvHeads: 1, group: 3, dim: 32, KvFormat.Bf16, [530], window);
            Compare(attention, set, chunk: 128);
        }
    }

    [Theory]
    [MemberData(nameof(Sets))]
    public void Equals_the_formula_with_capped_scores(string set)
    {
        using var attention = new AttentionCase(kvHeads: 1, group: 2, dim: 32, KvFormat.F32, [150], factor: 1, softCap: 10);
        Compare(attention, set, chunk: 150);
    }

    /// <summary>Scores of some hundreds: without subtracting the highest, every exponential overflows or vanishes.</summary>
    [Theory]
    [MemberData(nameof(Sets))]
    public void Large_scores_stay_finite(string set)
    {
        using var attention = new AttentionCase(kvHeads: 1, group: 2, dim: 32, KvFormat.F32, [300], factor: 20);
        var output = Run(attention, set, 1, 300);
        output.SelectMany(values => values).ShouldAllBe(value => MathF.Abs(value) <= 2.001f);
    }

    [Theory]
    [MemberData(nameof(Sets))]
    public void Equals_the_formula_at_long_contexts_with_any_number_of_threads(string set)
    {
        using var attention = new AttentionCase(kvHeads: 1, group: 2, dim: 16, KvFormat.Bf16, [1500], seed: 5);
        var kernels = KernelSets.Choose(set);
        attention.Check(kernels, Run(attention, set, threads: 3, chunk: 1500));
    }

    /// <summary>Random shapes, options, sequences and steps: right, and the same bits however they are computed.</summary>
    [Theory]
    [MemberData(nameof(Sets))]
    public void Any_shape_is_right_and_has_the_same_bits_alone_together_in_chunks_and_on_any_threads(string set) =>
        Prop.ForAll<int>(seed =>
        {
            var random = new Random(seed);
            var format = (KvFormat)random.Next(1, 4);
            int[] lengths = [.. Enumerable.Range(0, random.Next(1, 4)).Select(_ => random.Next(1, random.Next(4) == 0 ? 600 : 90))];
            using var attention = new AttentionCase(
                random.Next(1, 4), Groups[random.Next(Groups.Length)], Dims[random.Next(5)], format, lengths,
                window: random.Next(3) == 0 ? random.Next(1, 300) : 0, softCap: random.Next(4) == 0 ? 5 : 0, seed: seed);
            var alone = Run(attention, set, threads: 1, chunk: int.MaxValue);
            attention.Check(KernelSets.Choose(set), alone);
            Same(attention, set, alone, threads: 1, Together(attention, random));
            Same(attention, set, alone, threads: 2 + (seed & 1), Together(attention, random));
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(set == "reference" ? 4 : 12));

    /// <summary>One row over a long context is split over its keys; the same row in a prefill is not.</summary>
    [Theory]
    [MemberData(nameof(Sets))]
    public void Keys_divided_over_threads_give_the_same_bits(string set)
    {
        foreach (var window in new[] { 0, 700 })
        {
            using var attention = new AttentionCase(kvHeads: 1, group: 2, dim: 32, KvFormat.Bf16, [1100], window, seed: 11);
            (int, int)[][] steps = [[(0, 1000)], .. Enumerable.Repeat(new[] { (0, 1) }, 20), [(0, 3)], [(0, 77)]];
            var whole = Run(attention, set, threads: 1, chunk: 1100);
            foreach (var threads in new[] { 1, 2, 3, 5 }) Same(attention, set, whole, threads, steps);
        }
    }

    /// <summary>What lies behind a row's position and before its window is another's, or the row's own future.</summary>
    [Fact]
    public void What_a_row_does_not_see_does_not_show()
    {
        var kernels = KernelSets.Choose();
        foreach (var window in new[] { 0, 40 })
        {
            var outputs = new List<float[]>();
            foreach (var garbage in new[] { 0f, 1e30f, -5 })
            {
                using var attention = new AttentionCase(kvHeads: 1, group: 4, dim: 64, KvFormat.Bf16, [120], window, seed: 3);
                using var team = new ThreadTeam(1);
                attention.RunChunks(kernels, team, 120);
                var batch = new StepBatch(2, 1);
                batch.Add([1, 1], 70, attention.Tables[0], LogitRows.None);
                for (var position = 72; position < 120; position++) Spoil(attention, position, garbage);
                for (var position = 0; window > 0 && position <= 70 - window; position++) Spoil(attention, position, garbage);
                using var paged = new PagedAttention(kernels, team, 4, 1, 64, 120, 2);
                var attended = new float[2 * 4 * 64];
                paged.Run(batch, attention.Kv, 0, window, attention.Scale, attention.Queries[0].AsSpan(70 * 4 * 64, 2 * 4 * 64), 4 * 64, attended);
                outputs.Add(attended);
            }

            foreach (var output in outputs) output.ShouldHaveTheBitsOf(outputs[0]);
        }
    }

    [Fact]
    public void Nan_in_a_sequence_stays_its_own()
    {
        var kernels = KernelSets.Choose();
        using var team = new ThreadTeam(2) { MinimumWork = 0 };
        using var attention = new AttentionCase(kvHeads: 1, group: 2, dim: 32, KvFormat.Bf16, [40, 40]);
        var steps = new[] { new[] { (0, 40), (1, 40) } };
        var clean = attention.Run(kernels, team, steps);
        attention.Values[0].AsSpan().Fill(float.NaN);
        var spoilt = attention.Run(kernels, team, steps);
        spoilt[0].ShouldAllBe(value => float.IsNaN(value));
        spoilt[1].ShouldHaveTheBitsOf(clean[1]);
    }

    [Fact]
    public void A_step_allocates_nothing()
    {
        using var attention = new AttentionCase(kvHeads: 2, group: 2, dim: 32, KvFormat.Fp8, [600, 20]);
        using var team = new ThreadTeam(1);
        attention.RunChunks(KernelSets.Choose(), team, 600);
        using var paged = new PagedAttention(KernelSets.Choose(), team, 4, 2, 32, 600, 30);
        var writer = new KvWriter(team, 30);
        var batch = new StepBatch(30, 2);
        var (values, attended) = (new float[30 * 4 * 32], new float[30 * 4 * 32]);
        long Step()
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            batch.Clear();
            batch.Add(new ReadOnlySpan<int>([1]), 599, attention.Tables[0], LogitRows.None);
            writer.Write(batch, attention.Kv, 0, values, values);
            paged.Run(batch, attention.Kv, 0, 0, attention.Scale, values, 4 * 32, attended);
            return GC.GetAllocatedBytesForCurrentThread() - before;
        }

        Step();
        Step().ShouldBe(0);
    }

    [Fact]
    public void Another_models_store_and_impossible_scales_are_bugs_of_the_caller()
    {
        using var attention = new AttentionCase(kvHeads: 2, group: 2, dim: 32, KvFormat.F32, [3]);
        using var team = new ThreadTeam(1);
        using var paged = new PagedAttention(KernelSets.Choose(), team, 4, 2, 24, 600, 3);
        var batch = new StepBatch(3, 1);
        batch.Add([1, 1, 1], 0, attention.Tables[0], LogitRows.None);
        Should.Throw<ArgumentException>(() => paged.Run(batch, attention.Kv, 0, 0, attention.Scale, new float[3 * 96], 96, new float[3 * 96]))
            .Message.ShouldContain("2 heads of 32");
        using var right = new PagedAttention(KernelSets.Choose(), team, 4, 2, 32, 600, 3);
        Should.Throw<ArgumentOutOfRangeException>(
            () => right.Run(batch, attention.Kv, 0, 0, new AttentionScale(0, 0), new float[3 * 128], 128, new float[3 * 128]));
        Should.Throw<ArgumentOutOfRangeException>(
            () => right.Run(batch, attention.Kv, 0, 0, attention.Scale, new float[3 * 127], 128, new float[3 * 128]));
        Should.Throw<ArgumentException>(() => new PagedAttention(KernelSets.Choose(), team, 5, 2, 32, 600, 3));
    }

    private static void Spoil(AttentionCase attention, int position, float garbage)
    {
        var values = Enumerable.Repeat(garbage, attention.Dim).ToArray();
        attention.Kv.Write(0, attention.Tables[0][position / 32], position % 32, 0, values, values);
    }

    private static void Compare(AttentionCase attention, string set, int chunk) =>
        attention.Check(KernelSets.Choose(set), Run(attention, set, 1, chunk));

    private static float[][] Run(AttentionCase attention, string set, int threads, int chunk)
    {
        using var team = new ThreadTeam(threads) { MinimumWork = 0 };
        return attention.RunChunks(KernelSets.Choose(set), team, Math.Min(chunk, attention.Lengths.Max()));
    }

    private static void Same(
        AttentionCase attention, string set, float[][] expected, int threads, IEnumerable<(int Sequence, int Rows)[]> steps)
    {
        using var team = new ThreadTeam(threads) { MinimumWork = 0 };
        var outputs = attention.Run(KernelSets.Choose(set), team, steps);
        for (var sequence = 0; sequence < outputs.Length; sequence++)
        {
            outputs[sequence].ShouldHaveTheBitsOf(expected[sequence], $"{attention}, {set}, {threads} threads, sequence {sequence}");
        }
    }

    /// <summary>Steps that take some rows of some sequences until all are done.</summary>
    private static IEnumerable<(int Sequence, int Rows)[]> Together(AttentionCase attention, Random random)
    {
        int[] left = [.. attention.Lengths];
        while (left.Any(rows => rows > 0))
        {
            var step = new List<(int, int)>();
            for (var sequence = 0; sequence < left.Length; sequence++)
            {
                if (left[sequence] == 0 || (step.Count > 0 && random.Next(3) == 0)) continue;
                var rows = random.Next(3) == 0 ? 1 : random.Next(1, Math.Min(left[sequence], 200) + 1);
                left[sequence] -= rows;
                step.Add((sequence, rows));
            }

            yield return [.. step];
        }
    }
}
