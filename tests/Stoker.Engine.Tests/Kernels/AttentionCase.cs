using Stoker.Engine.Kernels;
using Stoker.Engine.KvCache;
using Stoker.Engine.Models;

namespace Stoker.Engine.Tests.Kernels;

/// <summary>Sequences of one attention layer: their keys, values and queries, and what the formula makes of them.</summary>
internal sealed class AttentionCase : IDisposable
{
    private static readonly int[] Edges = [0, 1, 31, 32, 33, 255, 256, 257, 511, 512]; // of blocks and chunks

    private readonly int _seed;

    public AttentionCase(
        int kvHeads, int group, int dim, KvFormat format, int[] lengths, int window = 0, float factor = 0, float softCap = 0, int seed = 1)
    {
        (KvHeads, Group, Dim, Lengths, Window, _seed) = (kvHeads, group, dim, lengths, window, seed);
        Scale = new AttentionScale(factor == 0 ? 1 / MathF.Sqrt(dim) : factor, softCap);
        var blocks = lengths.Sum(length => (length + KvStore.BlockSize - 1) / KvStore.BlockSize);
        Kv = new KvStore(new ModelShape(1, Heads * dim, Heads, kvHeads, dim, 10, 1 << 16), blocks + 1, format);
        int[] ids = [.. Enumerable.Range(0, blocks)];
        new Random(seed).Shuffle(ids); // as after some hours of service
        var taken = 0;
        Tables = [.. lengths.Select(length => ids[taken..(taken += (length + KvStore.BlockSize - 1) / KvStore.BlockSize)])];
        Dirty();
        var random = new Random(seed + 1);
        Queries = [.. lengths.Select(length => TestMatrix.Values(length * Heads * dim, random, 2))];
        Keys = [.. lengths.Select(length => TestMatrix.Values(length * kvHeads * dim, random, 2))];
        Values = [.. lengths.Select(length => TestMatrix.Values(length * kvHeads * dim, random, 2))];
    }

    public int KvHeads { get; }

    public int Group { get; }

    public int Dim { get; }

    public int Heads => KvHeads * Group;

    public int[] Lengths { get; }

    public int Window { get; }

    public AttentionScale Scale { get; }

    public KvStore Kv { get; }

    public int[][] Tables { get; }

    public float[][] Queries { get; }

    public float[][] Keys { get; }

    public float[][] Values { get; }

    /// <summary>
    /// Computes rows in steps; a step names for each sequence in it how many of its next rows it takes. Returns the outputs
    /// of each sequence.
    /// </summary>
    public float[][] Run(KernelSet kernels, ThreadTeam team, IEnumerable<(int Sequence, int Rows)[]> steps)
    {
        var width = Heads * Dim;
        var outputs = Lengths.Select(length => new float[length * width]).ToArray();
        var done = new int[Lengths.Length];
        foreach (var step in steps)
        {
            var rows = step.Sum(part => part.Rows);
            using var attention = new PagedAttention(kernels, team, Heads, KvHeads, Dim, contextLength: Lengths.Max(), rows);
            var batch = new StepBatch(rows, step.Length);
            var (queries, keys, values) = (new List<float>(), new List<float>(), new List<float>());
            foreach (var (sequence, count) in step)
            {
                batch.Add(new int[count], done[sequence], Tables[sequence], LogitRows.None);
                queries.AddRange(Queries[sequence].AsSpan(done[sequence] * width, count * width));
                keys.AddRange(Keys[sequence].AsSpan(done[sequence] * KvHeads * Dim, count * KvHeads * Dim));
                values.AddRange(Values[sequence].AsSpan(done[sequence] * KvHeads * Dim, count * KvHeads * Dim));
            }

            new KvWriter(team, rows).Write(batch, Kv, 0, [.. keys], [.. values]);
            var attended = new float[rows * width];
            attention.Run(batch, Kv, 0, Window, Scale, [.. queries], width, attended);
            var row = 0;
            foreach (var (sequence, count) in step)
            {
                attended.AsSpan(row * width, count * width).CopyTo(outputs[sequence].AsSpan(done[sequence] * width));
                (row, done[sequence]) = (row + count, done[sequence] + count);
            }
        }

        return outputs;
    }

    /// <summary>Every sequence in chunks of so many rows, one after the other.</summary>
    public float[][] RunChunks(KernelSet kernels, ThreadTeam team, int chunk) => Run(kernels, team, Enumerable.Range(0, Lengths.Length)
        .SelectMany(sequence => Enumerable.Range(0, (Lengths[sequence] + chunk - 1) / chunk)
            .Select(i => new[] { (sequence, Math.Min(chunk, Lengths[sequence] - (i * chunk))) })));

    /// <summary>The formula in double, for one row and head, over what the store holds.</summary>
    /// <param name="roundQueries">As a set does that multiplies bf16 by bf16.</param>
    public double[] Expected(int sequence, int row, int head, bool roundQueries)
    {
        var query = Queries[sequence].AsSpan(((row * Heads) + head) * Dim, Dim);
        var first = Window > 0 ? Math.Max(0, row - Window + 1) : 0;
        var scores = new double[row + 1 - first];
        var values = new float[scores.Length][];
        var key = new float[Dim];
        for (var i = 0; i < scores.Length; i++)
        {
            values[i] = new float[Dim];
            Kv.Read(0, Tables[sequence][(first + i) / 32], (first + i) % 32, head / Group, key, values[i]);
            for (var d = 0; d < Dim; d++)
            {
                scores[i] += (double)(roundQueries ? RoundToBf16(query[d]) : query[d]) * key[d];
            }

            scores[i] *= Scale.Factor;
            scores[i] = Scale.SoftCap > 0 ? Scale.SoftCap * Math.Tanh(scores[i] / Scale.SoftCap) : scores[i];
        }

        var (highest, output) = (scores.Max(), new double[Dim]);
        var total = scores.Sum(score => Math.Exp(score - highest));
        for (var i = 0; i < scores.Length; i++)
        {
            for (var d = 0; d < Dim; d++)
            {
                output[d] += Math.Exp(scores[i] - highest) / total * values[i][d];
            }
        }

        return output;
    }

    /// <summary>Compares rows of all sequences; every row where there are few, else some and the edges.</summary>
    public void Check(KernelSet kernels, float[][] outputs)
    {
        var isRounded = kernels.FormOf(Kv.Format.PanelFormat()) == ActivationForm.Bf16;
        var tolerance = isRounded ? 1.2e-2 : 4e-5; // a weight in bf16 is off by up to 2^-9, and values reach 2
        for (var sequence = 0; sequence < Lengths.Length; sequence++)
        {
            foreach (var row in Rows(Lengths[sequence]))
            {
                for (var head = 0; head < Heads; head++)
                {
                    var expected = Expected(sequence, row, head, isRounded);
                    for (var d = 0; d < Dim; d++)
                    {
                        ((double)outputs[sequence][(((row * Heads) + head) * Dim) + d]).ShouldBe(
                            expected[d], tolerance, $"{this}: {kernels.Name}, sequence {sequence}, row {row}, head {head}, dimension {d}");
                    }
                }
            }
        }
    }

    public override string ToString() =>
        $"seed {_seed}: {KvHeads} x {Group} heads of {Dim}, {Kv.Format}, lengths {string.Join(' ', Lengths)}, window {Window}, {Scale}";

    public void Dispose() => Kv.Dispose();

    private static float RoundToBf16(float value)
    {
        var bits = BitConverter.SingleToUInt32Bits(value);
        return BitConverter.UInt32BitsToSingle((bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000);
    }

    /// <summary>An earlier owner left NaN everywhere.</summary>
    private void Dirty()
    {
        var nan = Enumerable.Repeat(float.NaN, Dim).ToArray();
        for (var block = 0; block < Kv.BlockCount; block++)
        {
            for (var slot = 0; slot < KvStore.BlockSize; slot++)
            {
                for (var head = 0; head < KvHeads; head++) Kv.Write(0, block, slot, head, nan, nan);
            }
        }
    }

    private IEnumerable<int> Rows(int length)
    {
        var random = new Random(_seed);
        return length <= 40
            ? Enumerable.Range(0, length)
            : Enumerable.Range(0, 6).Select(_ => random.Next(length)).Append(length - 1)
                .Concat(Edges.Where(row => row < length)).Distinct();
    }
}
