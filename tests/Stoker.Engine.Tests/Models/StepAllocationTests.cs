using Stoker.Engine.Kernels;
using Stoker.Engine.Models;
using Stoker.Testing;

namespace Stoker.Engine.Tests.Models;

/// <summary>A step takes no memory from the collected heap, on no thread: 0 bytes, exactly, once the first has made its buffers.</summary>
public class StepAllocationTests
{
    private const int Sequences = 9, PromptTokens = 40;

    public static TheoryData<string, string, Precision, int> Cases()
    {
        var data = new TheoryData<string, string, Precision, int>();
        foreach (var set in KernelSets.SupportedNames.Where(set => set != "reference")) // which is plain, not fast
        {
            foreach (var precision in new[] { Precision.Auto, Precision.Int8, Precision.Fp8, Precision.Fp4 })
            {
                data.Add("story-3m", set, precision, 2);
            }
        }

        foreach (var model in new[] { "gemma2", "mistral", "mixtral", "phi3", "qwen2", "qwen3" })
        {
            data.Add(model, KernelSets.Choose().Name, Precision.Auto, 3);
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Prefill_and_decode_steps_allocate_nothing_on_any_thread(string model, string set, Precision precision, int threads)
    {
        var folder = model.StartsWith("story", StringComparison.Ordinal) ? TestData.Model(model) : TestData.Architecture(model);
        using var runner = new ModelRunner(folder, set, threads, Sequences, precision: precision);
        var prompt = Enumerable.Range(1, PromptTokens).ToArray();
        var tables = Enumerable.Range(0, Sequences).Select(runner.BlockTable).ToArray();
        var batch = new StepBatch(Sequences * PromptTokens, Sequences);
        var logits = new float[Sequences * runner.Shape.VocabularySize];

        void Step(int sequences, int position, int tokens)
        {
            batch.Clear();
            for (var i = 0; i < sequences; i++)
            {
                batch.Add(prompt.AsSpan(0, tokens), position, tables[i], LogitRows.Last);
            }

            runner.Forward(batch, logits.AsSpan(0, sequences * runner.Shape.VocabularySize));
        }

        void Steps()
        {
            Step(Sequences, 0, PromptTokens); // prefill
            Step(1, PromptTokens, 1); // decode, each thread for itself
            Step(Sequences, PromptTokens + 1, 1); // decode over two tiles
            Step(2, PromptTokens + 2, PromptTokens / 2); // a chunk
        }

        Steps();
        var planned = runner.Shape.WorkspaceBytes + (batch.MaxRows * runner.Shape.WorkspaceBytesPerRow);
        runner.WorkspaceBytes.ShouldBeInRange(planned / 2, planned);
        runner.AllocatedBytes();
        var before = runner.AllocatedBytes();
        Steps();
        var after = runner.AllocatedBytes();
        for (var thread = 0; thread < threads; thread++)
        {
            // AllocatedBytes returns a new array on this thread: the one thing that was allocated.
            var ownArray = thread == 0 ? ArrayBytes(runner) : 0;
            (after[thread] - before[thread] - ownArray).ShouldBe(0, $"thread {thread}");
        }
    }

    private static long ArrayBytes(ModelRunner runner)
    {
        var first = runner.AllocatedBytes()[0];
        return runner.AllocatedBytes()[0] - first;
    }
}
