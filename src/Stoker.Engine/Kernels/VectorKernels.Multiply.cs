using System.Runtime.CompilerServices;
using Stoker.Engine.Weights;

namespace Stoker.Engine.Kernels;

/// <remarks>
/// Matrix products: tiles of 4 weight rows by 4 tokens (16 accumulators, enough to hide the latency of multiply-add),
/// one token at a time for the rest. Every output has one vector accumulator that runs over K in order, whatever tile
/// computes it.
/// </remarks>
internal unsafe partial class VectorKernels<TLanes, TVector>
{
    private const int TileRows = 4;
    private const int RowTileTokens = 4;

    /// <summary>
    /// Activations of a block of tokens stay in half of a 1 MiB level-2 cache while the weights pass by once.
    /// </summary>
    private const int TokenBlockBytes = 512 << 10;

    public override void Multiply(
        WeightMatrix w, int firstRow, int endRow, ReadOnlySpan<float> x, int tokens, Span<float> y)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(firstRow);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(endRow, w.Rows);
        ArgumentOutOfRangeException.ThrowIfLessThan(x.Length, (long)tokens * w.Columns, nameof(x));
        ArgumentOutOfRangeException.ThrowIfLessThan(y.Length, (long)tokens * w.Rows, nameof(y));
        fixed (float* input = x, output = y)
        {
            switch (w.Type)
            {
                case TensorType.BF16:
                    MultiplyRows<BFloat16Format>(w, firstRow, endRow, input, tokens, output);
                    break;
                case TensorType.F16:
                    MultiplyRows<HalfFormat>(w, firstRow, endRow, input, tokens, output);
                    break;
                case TensorType.F32:
                    MultiplyRows<SingleFormat>(w, firstRow, endRow, input, tokens, output);
                    break;
                default:
                    throw new ArgumentException($"weights of type {w.Type.HeaderName()} are not computed with", nameof(w));
            }
        }
    }

    private static void MultiplyRows<TFormat>(WeightMatrix w, int firstRow, int endRow, float* x, int tokens, float* y)
        where TFormat : struct, IWeightFormat
    {
        var blockTokens = Math.Max(RowTileTokens, TokenBlockBytes / sizeof(float) / w.Columns / RowTileTokens * RowTileTokens);
        for (var first = 0; first < tokens; first += blockTokens)
        {
            var end = Math.Min(tokens, first + blockTokens);
            for (var row = firstRow; row < endRow; row += TileRows)
            {
                MultiplyTiles<TFormat>(w, row, Math.Min(TileRows, endRow - row), x, first, end, y);
            }
        }
    }

    /// <summary>Up to four weight rows, which stay in the level-1 cache, times all tokens of a block.</summary>
    private static void MultiplyTiles<TFormat>(WeightMatrix w, int row, int rows, float* x, int firstToken, int endToken, float* y)
        where TFormat : struct, IWeightFormat
    {
        var (columns, stride) = (w.Columns, w.Rows);
        var weights = w.Data + ((long)row * columns * TFormat.Bytes);
        var token = firstToken;
        if (rows == TileRows)
        {
            for (; token <= endToken - RowTileTokens; token += RowTileTokens)
            {
                FourByFour<TFormat>(weights, columns, x + ((long)token * columns), y + ((long)token * stride) + row, stride);
            }

            for (; token < endToken; token++)
            {
                FourByOne<TFormat>(weights, columns, x + ((long)token * columns), y + ((long)token * stride) + row);
            }
        }

        for (; token < endToken; token++)
        {
            for (var i = 0; i < rows; i++)
            {
                y[((long)token * stride) + row + i] =
                    Dot<TFormat>(weights + ((long)i * columns * TFormat.Bytes), columns, x + ((long)token * columns));
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void FourByFour<TFormat>(byte* w, int columns, float* x, float* y, int stride)
        where TFormat : struct, IWeightFormat
    {
        var rowBytes = (long)columns * TFormat.Bytes;
        byte* w1 = w + rowBytes, w2 = w1 + rowBytes, w3 = w2 + rowBytes;
        float* x1 = x + columns, x2 = x1 + columns, x3 = x2 + columns;
        TVector a00, a01, a02, a03, a10, a11, a12, a13, a20, a21, a22, a23, a30, a31, a32, a33; // [weight row][token]
        a00 = a01 = a02 = a03 = a10 = a11 = a12 = a13 = TLanes.Broadcast(0);
        a20 = a21 = a22 = a23 = a30 = a31 = a32 = a33 = TLanes.Broadcast(0);
        var k = 0;
        for (; k <= columns - TLanes.Count; k += TLanes.Count)
        {
            var offset = (long)k * TFormat.Bytes;
            var r0 = TFormat.Load<TLanes, TVector>(w + offset);
            var r1 = TFormat.Load<TLanes, TVector>(w1 + offset);
            var r2 = TFormat.Load<TLanes, TVector>(w2 + offset);
            var r3 = TFormat.Load<TLanes, TVector>(w3 + offset);
            var t = TLanes.Load(x + k);
            a00 = TLanes.FusedMultiplyAdd(r0, t, a00);
            a10 = TLanes.FusedMultiplyAdd(r1, t, a10);
            a20 = TLanes.FusedMultiplyAdd(r2, t, a20);
            a30 = TLanes.FusedMultiplyAdd(r3, t, a30);
            t = TLanes.Load(x1 + k);
            a01 = TLanes.FusedMultiplyAdd(r0, t, a01);
            a11 = TLanes.FusedMultiplyAdd(r1, t, a11);
            a21 = TLanes.FusedMultiplyAdd(r2, t, a21);
            a31 = TLanes.FusedMultiplyAdd(r3, t, a31);
            t = TLanes.Load(x2 + k);
            a02 = TLanes.FusedMultiplyAdd(r0, t, a02);
            a12 = TLanes.FusedMultiplyAdd(r1, t, a12);
            a22 = TLanes.FusedMultiplyAdd(r2, t, a22);
            a32 = TLanes.FusedMultiplyAdd(r3, t, a32);
            t = TLanes.Load(x3 + k);
            a03 = TLanes.FusedMultiplyAdd(r0, t, a03);
            a13 = TLanes.FusedMultiplyAdd(r1, t, a13);
            a23 = TLanes.FusedMultiplyAdd(r2, t, a23);
            a33 = TLanes.FusedMultiplyAdd(r3, t, a33);
        }

        Finish<TFormat>(a00, a10, a20, a30, w, columns, k, x, y);
        Finish<TFormat>(a01, a11, a21, a31, w, columns, k, x1, y + stride);
        Finish<TFormat>(a02, a12, a22, a32, w, columns, k, x2, y + (2L * stride));
        Finish<TFormat>(a03, a13, a23, a33, w, columns, k, x3, y + (3L * stride));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void FourByOne<TFormat>(byte* w, int columns, float* x, float* y) where TFormat : struct, IWeightFormat
    {
        var rowBytes = (long)columns * TFormat.Bytes;
        byte* w1 = w + rowBytes, w2 = w1 + rowBytes, w3 = w2 + rowBytes;
        TVector a0, a1, a2, a3;
        a0 = a1 = a2 = a3 = TLanes.Broadcast(0);
        var k = 0;
        for (; k <= columns - TLanes.Count; k += TLanes.Count)
        {
            var offset = (long)k * TFormat.Bytes;
            var t = TLanes.Load(x + k);
            a0 = TLanes.FusedMultiplyAdd(TFormat.Load<TLanes, TVector>(w + offset), t, a0);
            a1 = TLanes.FusedMultiplyAdd(TFormat.Load<TLanes, TVector>(w1 + offset), t, a1);
            a2 = TLanes.FusedMultiplyAdd(TFormat.Load<TLanes, TVector>(w2 + offset), t, a2);
            a3 = TLanes.FusedMultiplyAdd(TFormat.Load<TLanes, TVector>(w3 + offset), t, a3);
        }

        Finish<TFormat>(a0, a1, a2, a3, w, columns, k, x, y);
    }

    /// <summary>One output alone: the last one to three rows of a share.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float Dot<TFormat>(byte* w, int columns, float* x) where TFormat : struct, IWeightFormat
    {
        var sum = TLanes.Broadcast(0);
        var k = 0;
        for (; k <= columns - TLanes.Count; k += TLanes.Count)
        {
            sum = TLanes.FusedMultiplyAdd(
                TFormat.Load<TLanes, TVector>(w + ((long)k * TFormat.Bytes)), TLanes.Load(x + k), sum);
        }

        return WithTail<TFormat>(TLanes.Sum(sum), w, columns, k, x);
    }

    /// <summary>Four outputs of one token: lanes summed, then the columns that filled no vector.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Finish<TFormat>(
        TVector a0, TVector a1, TVector a2, TVector a3, byte* w, int columns, int k, float* x, float* y)
        where TFormat : struct, IWeightFormat
    {
        (y[0], y[1], y[2], y[3]) = (TLanes.Sum(a0), TLanes.Sum(a1), TLanes.Sum(a2), TLanes.Sum(a3));
        if (k < columns)
        {
            var rowBytes = (long)columns * TFormat.Bytes;
            for (var i = 0; i < TileRows; i++)
            {
                y[i] = WithTail<TFormat>(y[i], w + (i * rowBytes), columns, k, x);
            }
        }
    }

    private static float WithTail<TFormat>(float sum, byte* w, int columns, int k, float* x) where TFormat : struct, IWeightFormat
    {
        for (; k < columns; k++)
        {
            sum = MathF.FusedMultiplyAdd(TFormat.LoadOne(w + ((long)k * TFormat.Bytes)), x[k], sum);
        }

        return sum;
    }
}
