using Stoker.Engine.Kernels;
using Stoker.Engine.KvCache;
using Stoker.Engine.Models;
using Stoker.Testing;

namespace Stoker.Engine.Tests.Models;

/// <summary>
/// The law: logits of a sequence have the same bits alone or in any batch, in any chunks, on any number of threads.
/// </summary>
public class BitEqualityTests
{
    private const int Length = 90; // crosses five blocks and one key block of attention

    public static TheoryData<string, string> Cases()
    {
        var data = new TheoryData<string, string>();
        foreach (var set in KernelSets.SupportedNames)
        {
            foreach (var model in new[] { "story-3m", "gemma2", "mistral", "mixtral", "phi3", "qwen2", "qwen3" })
            {
                data.Add(set, model);
            }
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Chunks_do_not_show(string set, string model)
    {
        using var runner = new ModelRunner(Folder(model), set);
        var tokens = Tokens(runner, seed: 1);
        var whole = runner.Run(tokens, LogitRows.All);
        foreach (var chunk in new[] { 1, 7, 16, 33, 64 })
        {
            runner.Run(tokens, LogitRows.All, chunk).ShouldHaveTheBitsOf(whole, $"chunks of {chunk}");
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Threads_do_not_show(string set, string model)
    {
        float[]? alone = null;
        foreach (var threads in new[] { 1, 2, 3 })
        {
            using var runner = new ModelRunner(Folder(model), set, threads);
            var logits = runner.Run(Tokens(runner, seed: 2), LogitRows.All, chunk: 40);
            logits.ShouldHaveTheBitsOf(alone ??= logits, $"{threads} threads");
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Neighbours_do_not_show(string set, string model)
    {
        const int Sequences = 5;
        using var runner = new ModelRunner(Folder(model), set, sequences: Sequences);
        var prompts = Enumerable.Range(0, Sequences).Select(i => Tokens(runner, seed: 10 + i)).ToArray();
        var alone = prompts.Select(prompt => runner.Run(prompt, LogitRows.All)).ToArray();

        // Each sequence advances by its own stride: prefill, chunks and decodes of one row stand in the same steps.
        var batch = new StepBatch(Length * Sequences, Sequences);
        var done = new int[Sequences];
        var together = prompts.Select(_ => new List<float>()).ToArray();
        for (var step = 0; done.Any(count => count < Length); step++)
        {
            batch.Clear();
            var order = Enumerable.Range(0, Sequences).Where(i => done[i] < Length && (i + step) % 3 != 0).ToArray();
            foreach (var i in order)
            {
                var count = Math.Min(Length - done[i], i == 0 ? Length : i * 4 - 3);
                batch.Add(prompts[i].AsSpan(done[i], count), done[i], runner.BlockTable(i), LogitRows.All);
            }

            if (order.Length > 0)
            {
                Collect(runner.Forward(batch), runner.Shape.VocabularySize);
            }

            void Collect(float[] logits, int width)
            {
                var row = 0;
                foreach (var i in order)
                {
                    var count = Math.Min(Length - done[i], i == 0 ? Length : i * 4 - 3);
                    together[i].AddRange(logits.AsSpan(row * width, count * width));
                    (row, done[i]) = (row + count, done[i] + count);
                }
            }
        }

        for (var i = 0; i < Sequences; i++)
        {
            together[i].ToArray().ShouldHaveTheBitsOf(alone[i], $"sequence {i}");
        }
    }

    [Fact]
    public void Rows_without_logits_change_nothing()
    {
        using var runner = new ModelRunner(Folder("story-3m"), KernelSets.Choose().Name);
        var tokens = Tokens(runner, seed: 3);
        var all = runner.Run(tokens, LogitRows.All);
        runner.Run(tokens, LogitRows.Last, chunk: 20).ShouldHaveTheBitsOf(all.AsSpan(all.Length - runner.Shape.VocabularySize));
    }

    [Fact]
    public void A_batch_with_impossible_rows_is_a_bug_of_the_caller()
    {
        using var runner = new ModelRunner(Folder("story-3m"), "portable");
        var batch = new StepBatch(4, 1);
        Should.Throw<ArgumentOutOfRangeException>(() => batch.Add([1, 2, 3, 4, 5], 0, new int[10], LogitRows.Last));
        Should.Throw<ArgumentOutOfRangeException>(() => batch.Add([], 0, new int[10], LogitRows.Last));
        Should.Throw<ArgumentOutOfRangeException>(() => batch.Add([1, 2], KvStore.BlockSize - 1, new int[1], LogitRows.Last));
        Refused(runner, [2048], 0, runner.BlockTable(0)); // the vocabulary ends at 2047
        Refused(runner, [-1], 0, runner.BlockTable(0));
        Refused(runner, [1], 512, [.. runner.BlockTable(0), 0]); // the context ends at 511
        Refused(runner, [1], 0, [1_000_000]);
    }

    private static void Refused(ModelRunner runner, int[] tokens, int position, int[] table)
    {
        var batch = new StepBatch(1, 1);
        batch.Add(tokens, position, table, LogitRows.Last);
        Should.Throw<ArgumentOutOfRangeException>(() => runner.Forward(batch));
    }

    private static int[] Tokens(ModelRunner runner, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, Length).Select(_ => random.Next(runner.Shape.VocabularySize))];
    }

    private static string Folder(string model) =>
        model.StartsWith("story", StringComparison.Ordinal) ? TestData.Model(model) : TestData.Architecture(model);
}
