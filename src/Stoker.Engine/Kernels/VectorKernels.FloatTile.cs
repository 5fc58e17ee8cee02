using System.Runtime.CompilerServices;
using Stoker.Engine.Weights;

namespace Stoker.Engine.Kernels;

/// <remarks>
/// Tiles of float32 sums: 8 tokens by 2 vectors of rows where there are 32 registers, 4 by 2 where there are 16, and
/// single tokens by 2 or 4 for the rest. Each output is one accumulator that takes the columns one by one, in order.
/// </remarks>
internal unsafe partial class VectorKernels<TLanes, TVector>
{
    private static void FloatTile<TFormat>(
        byte* panel, int columns, float* a, int mr, float* c, int stride, bool accumulate)
        where TFormat : struct, IPanelFormat
    {
        if (TLanes.Count * 2 == PanelLayout.Rows && mr == TileTokens)
        {
            EightByTwo<TFormat>(panel, columns, a, c, stride, accumulate);
            return;
        }

        var token = 0;
        for (; token <= mr - 4; token += 4)
        {
            for (var row = 0; row < PanelLayout.Rows; row += 2 * TLanes.Count)
            {
                FourByTwo<TFormat>(panel, row, columns, a + token, mr, c + ((long)token * stride) + row, stride, accumulate);
            }
        }

        for (; token < mr; token++)
        {
            var target = c + ((long)token * stride);
            if (TLanes.Count * 2 == PanelLayout.Rows)
            {
                OneByTwo<TFormat>(panel, columns, a + token, mr, target, accumulate);
                continue;
            }

            for (var row = 0; row < PanelLayout.Rows; row += 4 * TLanes.Count)
            {
                OneByFour<TFormat>(panel, row, columns, a + token, mr, target + row, accumulate);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void EightByTwo<TFormat>(byte* w, int columns, float* a, float* c, int stride, bool accumulate)
        where TFormat : struct, IPanelFormat
    {
        TVector c00, c01, c10, c11, c20, c21, c30, c31, c40, c41, c50, c51, c60, c61, c70, c71; // [token][vector of rows]
        float* d2 = c + (2L * stride), d4 = d2 + (2L * stride), d6 = d4 + (2L * stride);
        (c00, c01) = Start(c, accumulate);
        (c10, c11) = Start(c + stride, accumulate);
        (c20, c21) = Start(d2, accumulate);
        (c30, c31) = Start(d2 + stride, accumulate);
        (c40, c41) = Start(d4, accumulate);
        (c50, c51) = Start(d4 + stride, accumulate);
        (c60, c61) = Start(d6, accumulate);
        (c70, c71) = Start(d6 + stride, accumulate);
        for (var k = 0; k < columns; k += 2, w += TFormat.PairBytes, a += 16)
        {
            TFormat.Load<TLanes, TVector>(w, 0, out var w0, out var v0);
            TFormat.Load<TLanes, TVector>(w, TLanes.Count, out var w1, out var v1);
            var x = TLanes.Broadcast(a[0]);
            (c00, c01) = (TLanes.FusedMultiplyAdd(w0, x, c00), TLanes.FusedMultiplyAdd(w1, x, c01));
            x = TLanes.Broadcast(a[1]);
            (c10, c11) = (TLanes.FusedMultiplyAdd(w0, x, c10), TLanes.FusedMultiplyAdd(w1, x, c11));
            x = TLanes.Broadcast(a[2]);
            (c20, c21) = (TLanes.FusedMultiplyAdd(w0, x, c20), TLanes.FusedMultiplyAdd(w1, x, c21));
            x = TLanes.Broadcast(a[3]);
            (c30, c31) = (TLanes.FusedMultiplyAdd(w0, x, c30), TLanes.FusedMultiplyAdd(w1, x, c31));
            x = TLanes.Broadcast(a[4]);
            (c40, c41) = (TLanes.FusedMultiplyAdd(w0, x, c40), TLanes.FusedMultiplyAdd(w1, x, c41));
            x = TLanes.Broadcast(a[5]);
            (c50, c51) = (TLanes.FusedMultiplyAdd(w0, x, c50), TLanes.FusedMultiplyAdd(w1, x, c51));
            x = TLanes.Broadcast(a[6]);
            (c60, c61) = (TLanes.FusedMultiplyAdd(w0, x, c60), TLanes.FusedMultiplyAdd(w1, x, c61));
            x = TLanes.Broadcast(a[7]);
            (c70, c71) = (TLanes.FusedMultiplyAdd(w0, x, c70), TLanes.FusedMultiplyAdd(w1, x, c71));
            x = TLanes.Broadcast(a[8]);
            (c00, c01) = (TLanes.FusedMultiplyAdd(v0, x, c00), TLanes.FusedMultiplyAdd(v1, x, c01));
            x = TLanes.Broadcast(a[9]);
            (c10, c11) = (TLanes.FusedMultiplyAdd(v0, x, c10), TLanes.FusedMultiplyAdd(v1, x, c11));
            x = TLanes.Broadcast(a[10]);
            (c20, c21) = (TLanes.FusedMultiplyAdd(v0, x, c20), TLanes.FusedMultiplyAdd(v1, x, c21));
            x = TLanes.Broadcast(a[11]);
            (c30, c31) = (TLanes.FusedMultiplyAdd(v0, x, c30), TLanes.FusedMultiplyAdd(v1, x, c31));
            x = TLanes.Broadcast(a[12]);
            (c40, c41) = (TLanes.FusedMultiplyAdd(v0, x, c40), TLanes.FusedMultiplyAdd(v1, x, c41));
            x = TLanes.Broadcast(a[13]);
            (c50, c51) = (TLanes.FusedMultiplyAdd(v0, x, c50), TLanes.FusedMultiplyAdd(v1, x, c51));
            x = TLanes.Broadcast(a[14]);
            (c60, c61) = (TLanes.FusedMultiplyAdd(v0, x, c60), TLanes.FusedMultiplyAdd(v1, x, c61));
            x = TLanes.Broadcast(a[15]);
            (c70, c71) = (TLanes.FusedMultiplyAdd(v0, x, c70), TLanes.FusedMultiplyAdd(v1, x, c71));
        }

        Store(c, c00, c01);
        Store(c + stride, c10, c11);
        Store(d2, c20, c21);
        Store(d2 + stride, c30, c31);
        Store(d4, c40, c41);
        Store(d4 + stride, c50, c51);
        Store(d6, c60, c61);
        Store(d6 + stride, c70, c71);
    }

    /// <param name="row">First row of the two vectors.</param>
    /// <param name="a">First of the four tokens in the packed tile.</param>
    /// <param name="mr">Tokens of the packed tile.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void FourByTwo<TFormat>(
        byte* w, int row, int columns, float* a, int mr, float* c, int stride, bool accumulate)
        where TFormat : struct, IPanelFormat
    {
        TVector c00, c01, c10, c11, c20, c21, c30, c31;
        var d2 = c + (2L * stride);
        (c00, c01) = Start(c, accumulate);
        (c10, c11) = Start(c + stride, accumulate);
        (c20, c21) = Start(d2, accumulate);
        (c30, c31) = Start(d2 + stride, accumulate);
        for (var k = 0; k < columns; k += 2, w += TFormat.PairBytes, a += mr)
        {
            TFormat.Load<TLanes, TVector>(w, row, out var w0, out var v0);
            TFormat.Load<TLanes, TVector>(w, row + TLanes.Count, out var w1, out var v1);
            var x = TLanes.Broadcast(a[0]);
            (c00, c01) = (TLanes.FusedMultiplyAdd(w0, x, c00), TLanes.FusedMultiplyAdd(w1, x, c01));
            x = TLanes.Broadcast(a[1]);
            (c10, c11) = (TLanes.FusedMultiplyAdd(w0, x, c10), TLanes.FusedMultiplyAdd(w1, x, c11));
            x = TLanes.Broadcast(a[2]);
            (c20, c21) = (TLanes.FusedMultiplyAdd(w0, x, c20), TLanes.FusedMultiplyAdd(w1, x, c21));
            x = TLanes.Broadcast(a[3]);
            (c30, c31) = (TLanes.FusedMultiplyAdd(w0, x, c30), TLanes.FusedMultiplyAdd(w1, x, c31));
            a += mr;
            x = TLanes.Broadcast(a[0]);
            (c00, c01) = (TLanes.FusedMultiplyAdd(v0, x, c00), TLanes.FusedMultiplyAdd(v1, x, c01));
            x = TLanes.Broadcast(a[1]);
            (c10, c11) = (TLanes.FusedMultiplyAdd(v0, x, c10), TLanes.FusedMultiplyAdd(v1, x, c11));
            x = TLanes.Broadcast(a[2]);
            (c20, c21) = (TLanes.FusedMultiplyAdd(v0, x, c20), TLanes.FusedMultiplyAdd(v1, x, c21));
            x = TLanes.Broadcast(a[3]);
            (c30, c31) = (TLanes.FusedMultiplyAdd(v0, x, c30), TLanes.FusedMultiplyAdd(v1, x, c31));
        }

        Store(c, c00, c01);
        Store(c + stride, c10, c11);
        Store(d2, c20, c21);
        Store(d2 + stride, c30, c31);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void OneByTwo<TFormat>(byte* w, int columns, float* a, int mr, float* c, bool accumulate)
        where TFormat : struct, IPanelFormat
    {
        var (c0, c1) = Start(c, accumulate);
        for (var k = 0; k < columns; k += 2, w += TFormat.PairBytes, a += 2 * mr)
        {
            TFormat.Load<TLanes, TVector>(w, 0, out var w0, out var v0);
            TFormat.Load<TLanes, TVector>(w, TLanes.Count, out var w1, out var v1);
            var (x, z) = (TLanes.Broadcast(a[0]), TLanes.Broadcast(a[mr]));
            c0 = TLanes.FusedMultiplyAdd(v0, z, TLanes.FusedMultiplyAdd(w0, x, c0));
            c1 = TLanes.FusedMultiplyAdd(v1, z, TLanes.FusedMultiplyAdd(w1, x, c1));
        }

        Store(c, c0, c1);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void OneByFour<TFormat>(byte* w, int row, int columns, float* a, int mr, float* c, bool accumulate)
        where TFormat : struct, IPanelFormat
    {
        var (c0, c1) = Start(c, accumulate);
        var (c2, c3) = Start(c + (2 * TLanes.Count), accumulate);
        for (var k = 0; k < columns; k += 2, w += TFormat.PairBytes, a += 2 * mr)
        {
            var (x, z) = (TLanes.Broadcast(a[0]), TLanes.Broadcast(a[mr]));
            TFormat.Load<TLanes, TVector>(w, row, out var even, out var odd);
            c0 = TLanes.FusedMultiplyAdd(odd, z, TLanes.FusedMultiplyAdd(even, x, c0));
            TFormat.Load<TLanes, TVector>(w, row + TLanes.Count, out even, out odd);
            c1 = TLanes.FusedMultiplyAdd(odd, z, TLanes.FusedMultiplyAdd(even, x, c1));
            TFormat.Load<TLanes, TVector>(w, row + (2 * TLanes.Count), out even, out odd);
            c2 = TLanes.FusedMultiplyAdd(odd, z, TLanes.FusedMultiplyAdd(even, x, c2));
            TFormat.Load<TLanes, TVector>(w, row + (3 * TLanes.Count), out even, out odd);
            c3 = TLanes.FusedMultiplyAdd(odd, z, TLanes.FusedMultiplyAdd(even, x, c3));
        }

        Store(c, c0, c1);
        Store(c + (2 * TLanes.Count), c2, c3);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (TVector First, TVector Second) Start(float* c, bool accumulate) => accumulate
        ? (TLanes.Load(c), TLanes.Load(c + TLanes.Count))
        : (TLanes.Broadcast(0), TLanes.Broadcast(0));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(float* c, TVector first, TVector second)
    {
        TLanes.Store(c, first);
        TLanes.Store(c + TLanes.Count, second);
    }
}
