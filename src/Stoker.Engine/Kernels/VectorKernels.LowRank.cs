using System.Runtime.CompilerServices;

namespace Stoker.Engine.Kernels;

/// <remarks>
/// Addons: four rows of A at once, or a panel of B, and 1, 2 or 4 rows of the batch, so that each load is used by all. A row that is
/// missing is stood in for by another, whose result is dropped.
/// </remarks>
internal unsafe partial class VectorKernels<TLanes, TVector>
{
    private const int Pairs = LowRankLayout.Chunk / 2;

    /// <summary>Rows of the batch in a tile, known to the compiler: branches on it cost nothing.</summary>
    private interface IRowCount
    {
        static abstract int Count { get; }
    }

    private readonly struct OneRow : IRowCount
    {
        public static int Count => 1;
    }

    private readonly struct TwoRows : IRowCount
    {
        public static int Count => 2;
    }

    private readonly struct FourRows : IRowCount
    {
        public static int Count => 4;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    [SkipLocalsInit]
    public override void Shrink(
        in ShrinkPart part, int first, int end, int columns, float* x, long strideX, int rows, float* h, int strideH)
    {
        var sums = stackalloc float[LowRankRows * LowRankRows]; // [r][t]
        for (var r = first; r < end; r += LowRankRows)
        {
            var a = part.Weights + ((long)r * columns);
            var count = Math.Min(LowRankRows, end - r);
            if (rows == 1) ShrinkTile<OneRow>(a, columns, count, x, strideX, rows, sums);
            else if (rows == 2) ShrinkTile<TwoRows>(a, columns, count, x, strideX, rows, sums);
            else ShrinkTile<FourRows>(a, columns, count, x, strideX, rows, sums);
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
    [SkipLocalsInit]
    public override void Expand(ushort* b, int rank, float* h, int strideH, int rows, float** y, int count)
    {
        var sums = stackalloc float[LowRankRows * LowRankLayout.Chunk]; // [t][32]
        if (rows == 1) ExpandTile<OneRow>(b, rank, h, strideH, rows, sums);
        else if (rows == 2) ExpandTile<TwoRows>(b, rank, h, strideH, rows, sums);
        else ExpandTile<FourRows>(b, rank, h, strideH, rows, sums);
        for (var t = 0; t < rows; t++)
        {
            AddOutputs(y[t], sums + (t * LowRankLayout.Chunk), count);
        }
    }

    /// <summary>Four rows of A.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ShrinkTile<TRows>(ushort* a, int columns, int count, float* x, long strideX, int rows, float* sums)
        where TRows : struct, IRowCount
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
                TLanes.LoadBFloat16Pairs((uint*)(a + place), out var low0, out var high0);
                TLanes.LoadBFloat16Pairs((uint*)(a1 + place), out var low1, out var high1);
                TLanes.LoadBFloat16Pairs((uint*)(a2 + place), out var low2, out var high2);
                TLanes.LoadBFloat16Pairs((uint*)(a3 + place), out var low3, out var high3);
                var (low, high) = (TLanes.Load(x + k), TLanes.Load(x + second));
                (c00, c10) = (AddTwo(low0, high0, low, high, c00), AddTwo(low1, high1, low, high, c10));
                (c20, c30) = (AddTwo(low2, high2, low, high, c20), AddTwo(low3, high3, low, high, c30));
                if (TRows.Count > 1)
                {
                    (low, high) = (TLanes.Load(x1 + k), TLanes.Load(x1 + second));
                    (c01, c11) = (AddTwo(low0, high0, low, high, c01), AddTwo(low1, high1, low, high, c11));
                    (c21, c31) = (AddTwo(low2, high2, low, high, c21), AddTwo(low3, high3, low, high, c31));
                }

                if (TRows.Count > 2)
                {
                    (low, high) = (TLanes.Load(x2 + k), TLanes.Load(x2 + second));
                    (c02, c12) = (AddTwo(low0, high0, low, high, c02), AddTwo(low1, high1, low, high, c12));
                    (c22, c32) = (AddTwo(low2, high2, low, high, c22), AddTwo(low3, high3, low, high, c32));
                    (low, high) = (TLanes.Load(x3 + k), TLanes.Load(x3 + second));
                    (c03, c13) = (AddTwo(low0, high0, low, high, c03), AddTwo(low1, high1, low, high, c13));
                    (c23, c33) = (AddTwo(low2, high2, low, high, c23), AddTwo(low3, high3, low, high, c33));
                }
            }
        }

        (sums[0], sums[4], sums[8], sums[12]) = (TLanes.Sum(c00), TLanes.Sum(c10), TLanes.Sum(c20), TLanes.Sum(c30));
        if (TRows.Count > 1) (sums[1], sums[5], sums[9], sums[13]) = (TLanes.Sum(c01), TLanes.Sum(c11), TLanes.Sum(c21), TLanes.Sum(c31));
        if (TRows.Count > 2)
        {
            (sums[2], sums[6], sums[10], sums[14]) = (TLanes.Sum(c02), TLanes.Sum(c12), TLanes.Sum(c22), TLanes.Sum(c32));
            (sums[3], sums[7], sums[11], sums[15]) = (TLanes.Sum(c03), TLanes.Sum(c13), TLanes.Sum(c23), TLanes.Sum(c33));
        }
    }

    /// <summary>sums: [rows][32].</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ExpandTile<TRows>(ushort* b, int rank, float* h, int strideH, int rows, float* sums)
        where TRows : struct, IRowCount
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
                if (TRows.Count > 1)
                {
                    value = TLanes.Broadcast(h1[r]);
                    (d0, d1) = (TLanes.FusedMultiplyAdd(low, value, d0), TLanes.FusedMultiplyAdd(high, value, d1));
                }

                if (TRows.Count > 2)
                {
                    value = TLanes.Broadcast(h2[r]);
                    (e0, e1) = (TLanes.FusedMultiplyAdd(low, value, e0), TLanes.FusedMultiplyAdd(high, value, e1));
                    value = TLanes.Broadcast(h3[r]);
                    (f0, f1) = (TLanes.FusedMultiplyAdd(low, value, f0), TLanes.FusedMultiplyAdd(high, value, f1));
                }
            }

            StoreHalves(sums + pair, c0, c1);
            if (TRows.Count > 1) StoreHalves(sums + LowRankLayout.Chunk + pair, d0, d1);
            if (TRows.Count > 2)
            {
                StoreHalves(sums + (2 * LowRankLayout.Chunk) + pair, e0, e1);
                StoreHalves(sums + (3 * LowRankLayout.Chunk) + pair, f0, f1);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector AddTwo(TVector low, TVector high, TVector x, TVector z, TVector sum) =>
        TLanes.FusedMultiplyAdd(high, z, TLanes.FusedMultiplyAdd(low, x, sum));

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
