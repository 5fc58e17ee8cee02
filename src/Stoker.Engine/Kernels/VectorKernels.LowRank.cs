using System.Runtime.CompilerServices;

namespace Stoker.Engine.Kernels;

/// <remarks>
/// Addons: four rows of A at once, and up to four of the batch, so that each load is used by all. A row that is missing is stood
/// in for by another, whose result is dropped: fewer forms of the loops, and the weights are the cost, not the sums.
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
                ShrinkFourByFour(a, columns, count, x, strideX, rows, sums);
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

    /// <summary>Four rows of A, up to four of x.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ShrinkFourByFour(ushort* a, int columns, int count, float* x, long strideX, int rows, float* sums)
    {
        ushort* a1 = a + (count > 1 ? columns : 0), a2 = a + (count > 2 ? 2L * columns : 0), a3 = a + (count > 3 ? 3L * columns : 0);
        float* x1 = x + (rows > 1 ? strideX : 0), x2 = x + (rows > 2 ? 2 * strideX : 0), x3 = x + (rows > 3 ? 3 * strideX : 0);
        TVector c00 = TLanes.Broadcast(0), c01 = c00, c02 = c00, c03 = c00, c10 = c00, c11 = c00, c12 = c00, c13 = c00; // [row of A][row of x]
        TVector c20 = c00, c21 = c00, c22 = c00, c23 = c00, c30 = c00, c31 = c00, c32 = c00, c33 = c00;
        for (var chunk = 0; chunk < columns; chunk += LowRankLayout.Chunk)
        {
            for (var pair = 0; pair < Pairs; pair += TLanes.Count)
            {
                var (k, second, place) = (chunk + pair, chunk + Pairs + pair, chunk + (2 * pair));
                var (l0, h0, l1, h1) = (TLanes.Load(x + k), TLanes.Load(x + second), TLanes.Load(x1 + k), TLanes.Load(x1 + second));
                var (l2, h2, l3, h3) = (TLanes.Load(x2 + k), TLanes.Load(x2 + second), TLanes.Load(x3 + k), TLanes.Load(x3 + second));
                TLanes.LoadBFloat16Pairs((uint*)(a + place), out var low, out var high);
                (c00, c01) = (AddTwo(low, high, l0, h0, c00), AddTwo(low, high, l1, h1, c01));
                (c02, c03) = (AddTwo(low, high, l2, h2, c02), AddTwo(low, high, l3, h3, c03));
                TLanes.LoadBFloat16Pairs((uint*)(a1 + place), out low, out high);
                (c10, c11) = (AddTwo(low, high, l0, h0, c10), AddTwo(low, high, l1, h1, c11));
                (c12, c13) = (AddTwo(low, high, l2, h2, c12), AddTwo(low, high, l3, h3, c13));
                TLanes.LoadBFloat16Pairs((uint*)(a2 + place), out low, out high);
                (c20, c21) = (AddTwo(low, high, l0, h0, c20), AddTwo(low, high, l1, h1, c21));
                (c22, c23) = (AddTwo(low, high, l2, h2, c22), AddTwo(low, high, l3, h3, c23));
                TLanes.LoadBFloat16Pairs((uint*)(a3 + place), out low, out high);
                (c30, c31) = (AddTwo(low, high, l0, h0, c30), AddTwo(low, high, l1, h1, c31));
                (c32, c33) = (AddTwo(low, high, l2, h2, c32), AddTwo(low, high, l3, h3, c33));
            }
        }

        (sums[0], sums[1], sums[2], sums[3]) = (TLanes.Sum(c00), TLanes.Sum(c01), TLanes.Sum(c02), TLanes.Sum(c03));
        (sums[4], sums[5], sums[6], sums[7]) = (TLanes.Sum(c10), TLanes.Sum(c11), TLanes.Sum(c12), TLanes.Sum(c13));
        (sums[8], sums[9], sums[10], sums[11]) = (TLanes.Sum(c20), TLanes.Sum(c21), TLanes.Sum(c22), TLanes.Sum(c23));
        (sums[12], sums[13], sums[14], sums[15]) = (TLanes.Sum(c30), TLanes.Sum(c31), TLanes.Sum(c32), TLanes.Sum(c33));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector AddTwo(TVector low, TVector high, TVector x, TVector z, TVector sum) =>
        TLanes.FusedMultiplyAdd(high, z, TLanes.FusedMultiplyAdd(low, x, sum));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector AddPairs(ushort* a, TVector low, TVector high, TVector sum)
    {
        TLanes.LoadBFloat16Pairs((uint*)a, out var even, out var odd);
        return AddTwo(even, odd, low, high, sum);
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
