using System.Runtime.CompilerServices;
using Stoker.Engine.Weights;

namespace Stoker.Engine.Kernels;

/// <remarks>
/// Int8 tiles: exact integer sums within a group of 128 columns, then one conversion, two multiplications and an addition
/// into the output. Weights are u8 (value + 128): the sum starts at -128 · the sum of the activations, which the packing
/// left in the group's header. Bytes are split into pairs of 16 bit integers, as the byte product of AVX2 saturates.
/// </remarks>
internal unsafe partial class VectorKernels<TLanes, TVector>
{
    private static void Int8Tile(byte* weights, int columns, byte* a, int mr, float* c, int stride, bool accumulate)
    {
        if (!accumulate)
        {
            for (var t = 0; t < mr; t++)
            {
                new Span<float>(c + ((long)t * stride), PanelLayout.Rows).Clear();
            }
        }

        for (var first = 0; first < columns; first += PanelLayout.Int8Group)
        {
            var quads = Math.Min(PanelLayout.Int8Group, columns - first) / 4;
            Int8Group((uint*)weights, quads, a, mr, c, stride);
            weights += (quads * 4 * PanelLayout.Rows) + PanelLayout.ScaleBytes;
            a += mr * (ActivationForms.GroupHeaderBytes + (quads * 8));
        }
    }

    private static void Int8Group(uint* weights, int quads, byte* a, int mr, float* c, int stride)
    {
        var header = (int*)a;
        var pairs = (uint*)(a + (mr * ActivationForms.GroupHeaderBytes));
        var weightScales = (ushort*)(weights + (quads * PanelLayout.Rows));
        var token = 0;
        for (; token <= mr - 4; token += 4)
        {
            for (var row = 0; row < PanelLayout.Rows; row += 2 * TLanes.Count)
            {
                Int8FourByTwo(
                    weights + row, quads, pairs + (2 * token), header + token, mr, weightScales + row,
                    c + ((long)token * stride) + row, stride);
            }
        }

        for (; token < mr; token++)
        {
            for (var row = 0; row < PanelLayout.Rows; row += 2 * TLanes.Count)
            {
                Int8OneByTwo(
                    weights + row, quads, pairs + (2 * token), header + token, mr, weightScales + row,
                    c + ((long)token * stride) + row);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Int8FourByTwo(
        uint* w, int quads, uint* a, int* header, int mr, ushort* weightScales, float* c, int stride)
    {
        TVector c00, c01, c10, c11, c20, c21, c30, c31;
        c00 = c01 = TLanes.BroadcastInt32(header[0]);
        c10 = c11 = TLanes.BroadcastInt32(header[1]);
        c20 = c21 = TLanes.BroadcastInt32(header[2]);
        c30 = c31 = TLanes.BroadcastInt32(header[3]);
        for (var quad = 0; quad < quads; quad++, w += PanelLayout.Rows, a += 2 * mr)
        {
            TLanes.LoadByteQuads(w, out var even0, out var odd0);
            TLanes.LoadByteQuads(w + TLanes.Count, out var even1, out var odd1);
            c00 = TLanes.MultiplyAddPairs(TLanes.MultiplyAddPairs(c00, even0, a[0]), odd0, a[1]);
            c01 = TLanes.MultiplyAddPairs(TLanes.MultiplyAddPairs(c01, even1, a[0]), odd1, a[1]);
            c10 = TLanes.MultiplyAddPairs(TLanes.MultiplyAddPairs(c10, even0, a[2]), odd0, a[3]);
            c11 = TLanes.MultiplyAddPairs(TLanes.MultiplyAddPairs(c11, even1, a[2]), odd1, a[3]);
            c20 = TLanes.MultiplyAddPairs(TLanes.MultiplyAddPairs(c20, even0, a[4]), odd0, a[5]);
            c21 = TLanes.MultiplyAddPairs(TLanes.MultiplyAddPairs(c21, even1, a[4]), odd1, a[5]);
            c30 = TLanes.MultiplyAddPairs(TLanes.MultiplyAddPairs(c30, even0, a[6]), odd0, a[7]);
            c31 = TLanes.MultiplyAddPairs(TLanes.MultiplyAddPairs(c31, even1, a[6]), odd1, a[7]);
        }

        var scales = (float*)header + mr;
        AddScaled(c00, c01, weightScales, scales[0], c);
        AddScaled(c10, c11, weightScales, scales[1], c + stride);
        AddScaled(c20, c21, weightScales, scales[2], c + (2L * stride));
        AddScaled(c30, c31, weightScales, scales[3], c + (3L * stride));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Int8OneByTwo(uint* w, int quads, uint* a, int* header, int mr, ushort* weightScales, float* c)
    {
        TVector c0, c1;
        c0 = c1 = TLanes.BroadcastInt32(header[0]);
        for (var quad = 0; quad < quads; quad++, w += PanelLayout.Rows, a += 2 * mr)
        {
            TLanes.LoadByteQuads(w, out var even0, out var odd0);
            TLanes.LoadByteQuads(w + TLanes.Count, out var even1, out var odd1);
            c0 = TLanes.MultiplyAddPairs(TLanes.MultiplyAddPairs(c0, even0, a[0]), odd0, a[1]);
            c1 = TLanes.MultiplyAddPairs(TLanes.MultiplyAddPairs(c1, even1, a[0]), odd1, a[1]);
        }

        AddScaled(c0, c1, weightScales, ((float*)header)[mr], c);
    }

    /// <summary>c += (sum · weight scale) · activation scale, the last step fused.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddScaled(TVector sum0, TVector sum1, ushort* weightScales, float scale, float* c)
    {
        var factor = TLanes.Broadcast(scale);
        var value0 = TLanes.Multiply(TLanes.ConvertToSingle(sum0), TLanes.LoadHalf(weightScales));
        var value1 = TLanes.Multiply(TLanes.ConvertToSingle(sum1), TLanes.LoadHalf(weightScales + TLanes.Count));
        Store(
            c, TLanes.FusedMultiplyAdd(value0, factor, TLanes.Load(c)),
            TLanes.FusedMultiplyAdd(value1, factor, TLanes.Load(c + TLanes.Count)));
    }
}
