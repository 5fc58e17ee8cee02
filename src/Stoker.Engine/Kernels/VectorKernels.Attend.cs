using System.Runtime.CompilerServices;

namespace Stoker.Engine.Kernels;

/// <remarks>What attention needs beside the matrix tiles.</remarks>
internal unsafe partial class VectorKernels<TLanes, TVector>
{
    /// <summary>Scores are taken in whole panels of 32 positions; a multiple of every lane count.</summary>
    private const int ScoreStep = 32;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override SoftmaxPart Softmax(float* scores, int first, int end, AttentionScale scale)
    {
        var (start, stop) = (first / ScoreStep * ScoreStep, (end + ScoreStep - 1) / ScoreStep * ScoreStep);
        var factor = TLanes.Broadcast(scale.Factor);
        if (scale.SoftCap > 0)
        {
            for (var i = start; i < stop; i += TLanes.Count)
            {
                TLanes.Store(scores + i, SoftCap(TLanes.Multiply(TLanes.Load(scores + i), factor), scale.SoftCap));
            }

            factor = TLanes.Broadcast(1);
        }

        // Masked places may hold anything, NaN too: overwritten by position, whatever their bits are.
        new Span<float>(scores + start, first - start).Fill(float.NegativeInfinity);
        new Span<float>(scores + end, stop - end).Fill(float.NegativeInfinity);
        var peak = Peak(scores, start, stop, factor);
        return new SoftmaxPart(peak, Exponentials(scores, start, stop, peak));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override SoftmaxPart Merge(float* total, SoftmaxPart totalPart, float* values, SoftmaxPart part, int count)
    {
        var peak = MathF.Max(totalPart.Peak, part.Peak);
        var (old, added) = (ExpOfOne(totalPart.Peak - peak), ExpOfOne(part.Peak - peak));
        var (first, second) = (TLanes.Broadcast(old), TLanes.Broadcast(added));
        for (var i = 0; i < count; i += TLanes.Count)
        {
            var scaled = TLanes.Multiply(TLanes.Load(values + i), second);
            TLanes.Store(total + i, TLanes.FusedMultiplyAdd(TLanes.Load(total + i), first, scaled));
        }

        return new SoftmaxPart(peak, MathF.FusedMultiplyAdd(totalPart.Sum, old, part.Sum * added));
    }

    /// <summary>Multiplies by the factor and returns the highest; a NaN is passed over here and shows in the sum.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Peak(float* scores, int start, int stop, TVector factor)
    {
        TVector even, odd;
        even = odd = TLanes.Broadcast(float.NegativeInfinity);
        for (var i = start; i < stop; i += 2 * TLanes.Count) // two chains
        {
            var (a, b) = (TLanes.Multiply(TLanes.Load(scores + i), factor), TLanes.Multiply(TLanes.Load(scores + i + TLanes.Count), factor));
            TLanes.Store(scores + i, a);
            TLanes.Store(scores + i + TLanes.Count, b);
            even = TLanes.SelectLess(even, a, a, even);
            odd = TLanes.SelectLess(odd, b, b, odd);
        }

        var lanes = stackalloc float[TLanes.Count];
        TLanes.Store(lanes, TLanes.SelectLess(even, odd, odd, even));
        var peak = lanes[0];
        for (var i = 1; i < TLanes.Count; i++)
        {
            peak = lanes[i] > peak ? lanes[i] : peak;
        }

        return peak;
    }

    /// <summary>
    /// Scores become e^(score - peak), and exactly 0 where that is below e^-86: the masked ones. Returns their sum.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Exponentials(float* scores, int start, int stop, float peak)
    {
        var (highest, lowest, sum) = (TLanes.Broadcast(peak), TLanes.Broadcast(-86), TLanes.Broadcast(0));
        for (var i = start; i < stop; i += TLanes.Count)
        {
            var below = TLanes.Subtract(TLanes.Load(scores + i), highest);
            var weight = TLanes.SelectLess(below, lowest, TLanes.Broadcast(0), Exp(below));
            TLanes.Store(scores + i, weight);
            sum = TLanes.Add(sum, weight);
        }

        return TLanes.Sum(sum);
    }

    private static float ExpOfOne(float x)
    {
        var lanes = stackalloc float[TLanes.Count];
        TLanes.Store(lanes, Exp(TLanes.Broadcast(x)));
        return lanes[0];
    }
}
