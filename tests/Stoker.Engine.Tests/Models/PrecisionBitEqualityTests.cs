using Stoker.Engine.Kernels;
using Stoker.Engine.KvCache;
using Stoker.Engine.Models;
using Stoker.Testing;

namespace Stoker.Engine.Tests.Models;

/// <summary>The same law in every precision of weights and of keys and values, in decodes of 1, 8 and 16 sequences.</summary>
public class PrecisionBitEqualityTests
{
    private static readonly (Precision Weights, KvFormat Kv)[] Forms =
    [
        (Precision.Auto, KvFormat.Bf16), (Precision.Auto, KvFormat.Fp8), (Precision.F32, KvFormat.F32), (Precision.Int8, KvFormat.Bf16),
        (Precision.Fp8, KvFormat.Fp8), (Precision.Fp4, KvFormat.Bf16),
    ];

    public static TheoryData<string, Precision, string> Cases()
    {
        var data = new TheoryData<string, Precision, string>();
        foreach (var set in KernelSets.SupportedNames)
        {
            foreach (var (weights, kv) in Forms)
            {
                data.Add(set, weights, kv.ToString());
            }
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Neither_batch_nor_chunks_nor_threads_show(string set, Precision precision, string kv)
    {
        var slow = set == "reference";
        var (prefill, decode) = slow ? (5, 2) : (33, 3); // over one block of keys, and not
        foreach (var sequences in slow ? new[] { 3 } : [8, 16])
        {
            var texts = Enumerable.Range(0, sequences).Select(i => Tokens(prefill + decode, seed: 100 + i)).ToArray();
            var first = Alone(set, precision, kv, texts[0]);
            var last = Alone(set, precision, kv, texts[^1]);
            foreach (var threads in sequences == 16 ? new[] { 1, 2 } : [2, 3])
            {
                using var runner = Runner(set, precision, kv, threads, sequences);
                var logits = Together(runner, texts, prefill, chunk: 3 + (7 * threads));
                logits[0].ShouldHaveTheBitsOf(first, $"first of {sequences} on {threads} threads");
                logits[^1].ShouldHaveTheBitsOf(last, $"last of {sequences} on {threads} threads");
            }
        }
    }

    /// <summary>Token by token, without neighbours, on one thread.</summary>
    private static float[] Alone(string set, Precision precision, string kv, int[] text)
    {
        using var runner = Runner(set, precision, kv, threads: 1, sequences: 1);
        return runner.Run(text, LogitRows.All, chunk: 1);
    }

    private static ModelRunner Runner(string set, Precision precision, string kv, int threads, int sequences) =>
        new(TestData.Model("story-3m"), set, threads, sequences, kvFormat: Enum.Parse<KvFormat>(kv), precision: precision);

    /// <summary>All texts in the same steps: chunks of the prefill, then one token each.</summary>
    private static float[][] Together(ModelRunner runner, int[][] texts, int prefill, int chunk)
    {
        var batch = new StepBatch(texts.Length * chunk, texts.Length);
        var all = texts.Select(_ => new List<float>()).ToArray();
        for (var done = 0; done < texts[0].Length;)
        {
            var count = done < prefill ? Math.Min(chunk, prefill - done) : 1;
            batch.Clear();
            for (var i = 0; i < texts.Length; i++)
            {
                batch.Add(texts[i].AsSpan(done, count), done, runner.BlockTable(i), LogitRows.All);
            }

            var logits = runner.Forward(batch);
            var width = count * runner.Shape.VocabularySize;
            for (var i = 0; i < texts.Length; i++)
            {
                all[i].AddRange(logits.AsSpan(i * width, width));
            }

            done += count;
        }

        return [.. all.Select(rows => rows.ToArray())];
    }

    private static int[] Tokens(int count, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ => random.Next(2040))];
    }
}
