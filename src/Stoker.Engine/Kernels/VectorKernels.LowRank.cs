using System.Runtime.CompilerServices;

namespace Stoker.Engine.Kernels;

/// <remarks>
/// Addons: four rows of A or four rows of the batch at once, so that each load of weights is used by all. A row that is missing is
/// stood in for by another, whose result is dropped: fewer forms of the loops, and the weights are the cost, not the sums.
/// </remarks>
internal unsafe partial class VectorKernels<TLanes, TVector>
{
    private const int Pairs = LowRankLayout.Chunk / 2;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Shrink(
        in ShrinkPart part, int first, int end, int columns, float* x, long strideX, int rows, float* h, int strideH)
    {
        var sums = stackalloc float[LowRankRows * LowRankRows]; // [r][t]
        for (var r = first; r < end; r += LowRankRows)
        {
            var a = part.Weights + ((long)r * columns);
            var count = Math.Min(LowRankRows, end - r);
            if (rows == 1)
            {
                ShrinkFourByOne(a, columns, count, x, sums);
            }
            else
            {
                for (var i = 0; i < count; i++)
                {
                    ShrinkOneByFour(a + ((long)i * columns), columns, x, strideX, rows, sums + (i * LowRankRows));
                }
            }

            for (var i = 0; i < count; i++)
            {
                for (var t = 0; t < rows; t++)
                {
                    h[(t * strideH) + r + i] = part.Scale * sums[(i * LowRankRows) + t];
                }
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Expand(ushort* b, int rank, float* h, int strideH, int rows, float** y, int count)
    {
        var sums = stackalloc float[LowRankRows * LowRankLayout.Chunk]; // [t][32]
        if (rows == 1)
        {
            ExpandOne(b, rank, h, sums);
        }
        else
        {
            ExpandFour(b, rank, h, strideH, rows, sums);
        }

        for (var t = 0; t < rows; t++)
        {
            AddOutputs(y[t], sums + (t * LowRankLayout.Chunk), count);
        }
    }

    /// <summary>Four rows of A, one of x.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ShrinkFourByOne(ushort* a, int columns, int count, float* x, float* sums)
    {
        ushort* a1 = a + (count > 1 ? columns : 0), a2 = a + (count > 2 ? 2L * columns : 0), a3 = a + (count > 3 ? 3L * columns : 0);
        TVector c0 = TLanes.Broadcast(0), c1 = c0, c2 = c0, c3 = c0;
        for (var chunk = 0; chunk < columns; chunk += LowRankLayout.Chunk)
        {
            for (var pair = 0; pair < Pairs; pair += TLanes.Count)
            {
                var place = chunk + (2 * pair);
                var (low, high) = (TLanes.Load(x + chunk + pair), TLanes.Load(x + chunk + Pairs + pair));
                c0 = AddPairs(a + place, low, high, c0);
                c1 = AddPairs(a1 + place, low, high, c1);
                c2 = AddPairs(a2 + place, low, high, c2);
                c3 = AddPairs(a3 + place, low, high, c3);
            }
        }

        sums[0] = TLanes.Sum(c0);
        sums[LowRankRows] = TLanes.Sum(c1);
        sums[2 * LowRankRows] = TLanes.Sum(c2);
        sums[3 * LowRankRows] = TLanes.Sum(c3);
    }

    /// <summary>One row of A, up to four of x.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ShrinkOneByFour(ushort* a, int columns, float* x, long strideX, int rows, float* sums)
    {
        float* x1 = x + (rows > 1 ? strideX : 0), x2 = x + (rows > 2 ? 2 * strideX : 0), x3 = x + (rows > 3 ? 3 * strideX : 0);
        TVector c0 = TLanes.Broadcast(0), c1 = c0, c2 = c0, c3 = c0;
        for (var chunk = 0; chunk < columns; chunk += LowRankLayout.Chunk)
        {
            for (var pair = 0; pair < Pairs; pair += TLanes.Count)
            {
                var (k, second) = (chunk + pair, chunk + Pairs + pair);
                TLanes.LoadBFloat16Pairs((uint*)(a + chunk + (2 * pair)), out var low, out var high);
                c0 = TLanes.FusedMultiplyAdd(high, TLanes.Load(x + second), TLanes.FusedMultiplyAdd(low, TLanes.Load(x + k), c0));
                c1 = TLanes.FusedMultiplyAdd(high, TLanes.Load(x1 + second), TLanes.FusedMultiplyAdd(low, TLanes.Load(x1 + k), c1));
                c2 = TLanes.FusedMultiplyAdd(high, TLanes.Load(x2 + second), TLanes.FusedMultiplyAdd(low, TLanes.Load(x2 + k), c2));
                c3 = TLanes.FusedMultiplyAdd(high, TLanes.Load(x3 + second), TLanes.FusedMultiplyAdd(low, TLanes.Load(x3 + k), c3));
            }
        }

        (sums[0], sums[1], sums[2], sums[3]) = (TLanes.Sum(c0), TLanes.Sum(c1), TLanes.Sum(c2), TLanes.Sum(c3));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector AddPairs(ushort* a, TVector low, TVector high, TVector sum)
    {
        TLanes.LoadBFloat16Pairs((uint*)a, out var even, out var odd);
        return TLanes.FusedMultiplyAdd(odd, high, TLanes.FusedMultiplyAdd(even, low, sum));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ExpandOne(ushort* b, int rank, float* h, float* sums)
    {
        for (var pair = 0; pair < Pairs; pair += TLanes.Count)
        {
            TVector c0 = TLanes.Broadcast(0), c1 = c0;
            var weights = (uint*)(b + (2 * pair));
            for (var r = 0; r < rank; r++, weights += Pairs)
            {
                TLanes.LoadBFloat16Pairs(weights, out var low, out var high);
                var value = TLanes.Broadcast(h[r]);
                (c0, c1) = (TLanes.FusedMultiplyAdd(low, value, c0), TLanes.FusedMultiplyAdd(high, value, c1));
            }

            TLanes.Store(sums + pair, c0);
            TLanes.Store(sums + Pairs + pair, c1);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ExpandFour(ushort* b, int rank, float* h, int strideH, int rows, float* sums)
    {
        float* h1 = h + (rows > 1 ? strideH : 0), h2 = h + (rows > 2 ? 2 * strideH : 0), h3 = h + (rows > 3 ? 3 * strideH : 0);
        for (var pair = 0; pair < Pairs; pair += TLanes.Count)
        {
            TVector c0 = TLanes.Broadcast(0), c1 = c0, d0 = c0, d1 = c0, e0 = c0, e1 = c0, f0 = c0, f1 = c0; // of each row
            var weights = (uint*)(b + (2 * pair));
            for (var r = 0; r < rank; r++, weights += Pairs)
            {
                TLanes.LoadBFloat16Pairs(weights, out var low, out var high);
                var value = TLanes.Broadcast(h[r]);
                (c0, c1) = (TLanes.FusedMultiplyAdd(low, value, c0), TLanes.FusedMultiplyAdd(high, value, c1));
                value = TLanes.Broadcast(h1[r]);
                (d0, d1) = (TLanes.FusedMultiplyAdd(low, value, d0), TLanes.FusedMultiplyAdd(high, value, d1));
                value = TLanes.Broadcast(h2[r]);
                (e0, e1) = (TLanes.FusedMultiplyAdd(low, value, e0), TLanes.FusedMultiplyAdd(high, value, e1));
                value = TLanes.Broadcast(h3[r]);
                (f0, f1) = (TLanes.FusedMultiplyAdd(low, value, f0), TLanes.FusedMultiplyAdd(high, value, f1));
            }

            StoreHalves(sums + pair, c0, c1);
            StoreHalves(sums + LowRankLayout.Chunk + pair, d0, d1);
            StoreHalves(sums + (2 * LowRankLayout.Chunk) + pair, e0, e1);
            StoreHalves(sums + (3 * LowRankLayout.Chunk) + pair, f0, f1);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreHalves(float* target, TVector low, TVector high)
    {
        TLanes.Store(target, low);
        TLanes.Store(target + Pairs, high);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddOutputs(float* y, float* sums, int count)
    {
        var o = 0;
        for (; o <= count - TLanes.Count; o += TLanes.Count)
        {
            TLanes.Store(y + o, TLanes.Add(TLanes.Load(y + o), TLanes.Load(sums + o)));
        }

        for (; o < count; o++)
        {
            y[o] += sums[o];
        }
    }
}
