using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Stoker.Engine.KvCache;

namespace Stoker.Engine.Kernels;

/// <remarks>
/// Attention by key blocks of <see cref="KeyBlock"/> positions at absolute multiples of it. Each block is reduced alone
/// to (highest score, sum of exponentials, weighted values); blocks are merged in ascending order. So neither the chunk
/// a row came in nor a later split of the blocks over threads can change a bit.
/// </remarks>
internal unsafe partial class VectorKernels<TLanes, TVector>
{
    /// <summary>
    /// Four tiles: four independent chains of multiply-adds for the scores, and one merge per 64 keys.
    /// </summary>
    private const int KeyBlock = BlockTiles * KvStore.BlockSize;

    private const int BlockTiles = 4;

    public override void Attend(
        KvPages pages, AttentionMask mask, AttentionScale scale, ReadOnlySpan<float> queries, Span<float> output)
    {
        var (dim, heads) = (pages.HeadDim, queries.Length / pages.HeadDim);
        CheckLengths(heads * dim, queries.Length, output.Length);
        var highest = stackalloc float[heads];
        var sums = stackalloc float[heads];
        var weights = stackalloc float[KeyBlock];
        var values = stackalloc float[dim];
        var block = default(KeyBlockView);
        fixed (float* query = queries, result = output)
        {
            for (var start = mask.First / KeyBlock * KeyBlock; start <= mask.Position; start += KeyBlock)
            {
                block.Set(pages, Math.Max(start, mask.First), Math.Min(start + KeyBlock - 1, mask.Position));
                for (var head = 0; head < heads; head++)
                {
                    var blockHighest = Scores(block, query + (head * dim), dim, scale, weights);
                    var blockSum = Exponentials(block, weights, blockHighest);
                    WeightedValues(block, weights, dim, values);
                    if (start <= mask.First)
                    {
                        (highest[head], sums[head]) = (blockHighest, blockSum);
                        new ReadOnlySpan<float>(values, dim).CopyTo(new Span<float>(result + (head * dim), dim));
                    }
                    else
                    {
                        var peak = MathF.Max(highest[head], blockHighest);
                        var (old, added) = (MathF.Exp(highest[head] - peak), MathF.Exp(blockHighest - peak));
                        (highest[head], sums[head]) = (peak, (sums[head] * old) + (blockSum * added));
                        Blend(result + (head * dim), old, values, added, dim);
                    }
                }
            }

            for (var head = 0; head < heads; head++)
            {
                Scale(output.Slice(head * dim, dim), 1 / sums[head]);
            }
        }
    }

    /// <summary>
    /// Scaled and capped scores of a block into <paramref name="scores"/> (-inf where masked); returns the highest.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float Scores(in KeyBlockView block, float* query, int dim, AttentionScale scale, float* scores)
    {
        float* k0 = block.Keys0, k1 = block.Keys1, k2 = block.Keys2, k3 = block.Keys3;
        var factor = TLanes.Broadcast(scale.Factor);
        for (var lane = 0; lane < KvStore.BlockSize; lane += TLanes.Count)
        {
            TVector s0, s1, s2, s3;
            s0 = s1 = s2 = s3 = TLanes.Broadcast(0);
            for (var d = 0; d < dim; d++)
            {
                var q = TLanes.Broadcast(query[d]);
                var offset = (d * KvStore.BlockSize) + lane;
                s0 = TLanes.FusedMultiplyAdd(q, TLanes.Load(k0 + offset), s0);
                s1 = TLanes.FusedMultiplyAdd(q, TLanes.Load(k1 + offset), s1);
                s2 = TLanes.FusedMultiplyAdd(q, TLanes.Load(k2 + offset), s2);
                s3 = TLanes.FusedMultiplyAdd(q, TLanes.Load(k3 + offset), s3);
            }

            TLanes.Store(scores + lane, Cap(TLanes.Multiply(s0, factor), scale.SoftCap));
            TLanes.Store(scores + KvStore.BlockSize + lane, Cap(TLanes.Multiply(s1, factor), scale.SoftCap));
            TLanes.Store(scores + (2 * KvStore.BlockSize) + lane, Cap(TLanes.Multiply(s2, factor), scale.SoftCap));
            TLanes.Store(scores + (3 * KvStore.BlockSize) + lane, Cap(TLanes.Multiply(s3, factor), scale.SoftCap));
        }

        var highest = float.NegativeInfinity;
        for (var i = block.First; i <= block.Last; i++)
        {
            highest = MathF.Max(highest, scores[i]);
        }

        return highest;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector Cap(TVector scores, float cap) => cap > 0 ? SoftCap(scores, cap) : scores;

    /// <summary>Scores become e^(score - highest), 0 where masked; returns their sum.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float Exponentials(in KeyBlockView block, float* scores, float highest)
    {
        var peak = TLanes.Broadcast(highest);
        for (var i = 0; i < KeyBlock; i += TLanes.Count)
        {
            TLanes.Store(scores + i, Exp(TLanes.Subtract(TLanes.Load(scores + i), peak)));
        }

        // Masked lanes hold leftovers of other sequences: cleared by position, whatever their bits are.
        new Span<float>(scores, block.First).Clear();
        new Span<float>(scores + block.Last + 1, KeyBlock - block.Last - 1).Clear();
        var sum = TLanes.Broadcast(0);
        for (var i = 0; i < KeyBlock; i += TLanes.Count)
        {
            sum = TLanes.Add(sum, TLanes.Load(scores + i));
        }

        return TLanes.Sum(sum);
    }

    /// <summary>values[d] = sum over the block's positions, ascending, of weight · value[d].</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void WeightedValues(in KeyBlockView block, float* weights, int dim, float* values)
    {
        var d = 0;
        for (; d <= dim - (2 * TLanes.Count); d += 2 * TLanes.Count) // two chains at a time
        {
            TVector s0, s1;
            s0 = s1 = TLanes.Broadcast(0);
            for (var i = block.First; i <= block.Last; i++)
            {
                var weight = TLanes.Broadcast(weights[i]);
                var row = block.Values(i, dim) + d;
                s0 = TLanes.FusedMultiplyAdd(weight, TLanes.Load(row), s0);
                s1 = TLanes.FusedMultiplyAdd(weight, TLanes.Load(row + TLanes.Count), s1);
            }

            TLanes.Store(values + d, s0);
            TLanes.Store(values + d + TLanes.Count, s1);
        }

        for (; d <= dim - TLanes.Count; d += TLanes.Count)
        {
            var sum = TLanes.Broadcast(0);
            for (var i = block.First; i <= block.Last; i++)
            {
                sum = TLanes.FusedMultiplyAdd(TLanes.Broadcast(weights[i]), TLanes.Load(block.Values(i, dim) + d), sum);
            }

            TLanes.Store(values + d, sum);
        }

        for (; d < dim; d++)
        {
            var sum = 0f;
            for (var i = block.First; i <= block.Last; i++)
            {
                sum = MathF.FusedMultiplyAdd(weights[i], block.Values(i, dim)[d], sum);
            }

            values[d] = sum;
        }
    }

    /// <summary>In place: x = x · a + y · b. [count] each.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Blend(float* x, float a, float* y, float b, int count)
    {
        var (first, second) = (TLanes.Broadcast(a), TLanes.Broadcast(b));
        var i = 0;
        for (; i <= count - TLanes.Count; i += TLanes.Count)
        {
            TLanes.Store(
                x + i, TLanes.FusedMultiplyAdd(TLanes.Load(x + i), first, TLanes.Multiply(TLanes.Load(y + i), second)));
        }

        for (; i < count; i++)
        {
            x[i] = MathF.FusedMultiplyAdd(x[i], a, y[i] * b);
        }
    }

    /// <summary>In place: x = x · factor.</summary>
    private static void Scale(Span<float> x, float factor)
    {
        foreach (ref var value in x)
        {
            value *= factor;
        }
    }

    /// <summary>
    /// Pointers to up to four tiles and the range of positions in them that a row sees, counted from the first tile.
    /// </summary>
    private struct KeyBlockView
    {
        public int First;
        public int Last;
        public float* Keys0;
        public float* Keys1;
        public float* Keys2;
        public float* Keys3;
        private float* _values0;
        private float* _values1;
        private float* _values2;
        private float* _values3;

        /// <summary>
        /// Tiles behind the last position stand in for themselves with the first one: read, and masked.
        /// </summary>
        public void Set(KvPages pages, int first, int last)
        {
            var tile = first / KvStore.BlockSize;
            var tiles = (last / KvStore.BlockSize) - tile + 1;
            (First, Last) = (first - (tile * KvStore.BlockSize), last - (tile * KvStore.BlockSize));
            Keys0 = Pointer(pages.Keys(tile));
            Keys1 = tiles > 1 ? Pointer(pages.Keys(tile + 1)) : Keys0;
            Keys2 = tiles > 2 ? Pointer(pages.Keys(tile + 2)) : Keys0;
            Keys3 = tiles > 3 ? Pointer(pages.Keys(tile + 3)) : Keys0;
            _values0 = Pointer(pages.Values(tile));
            _values1 = tiles > 1 ? Pointer(pages.Values(tile + 1)) : _values0;
            _values2 = tiles > 2 ? Pointer(pages.Values(tile + 2)) : _values0;
            _values3 = tiles > 3 ? Pointer(pages.Values(tile + 3)) : _values0;
        }

        /// <summary>The value of one position, [dim].</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public readonly float* Values(int position, int dim)
        {
            var tile =
                (position / KvStore.BlockSize) switch { 0 => _values0, 1 => _values1, 2 => _values2, _ => _values3 };
            return tile + (position % KvStore.BlockSize * dim);
        }

        /// <summary>The store's memory is not the collector's: it does not move.</summary>
        private static float* Pointer(ReadOnlySpan<float> tile) =>
            (float*)Unsafe.AsPointer(ref MemoryMarshal.GetReference(tile));
    }
}
