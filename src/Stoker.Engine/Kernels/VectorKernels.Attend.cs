using System.Runtime.CompilerServices;

namespace Stoker.Engine.Kernels;

/// <remarks>What attention needs beside the matrix tiles.</remarks>
internal unsafe partial class VectorKernels<TLanes, TVector>
{
    /// <summary>Scores are taken in whole panels of 32 positions; a multiple of every lane count.</summary>
    private const int ScoreStep = 32;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    [SkipLocalsInit]
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
        for (var i = start; i < first; i++) scores[i] = float.NegativeInfinity;
        for (var i = end; i < stop; i++) scores[i] = float.NegativeInfinity;
        var peak = Highest(scores, start, stop);
        var sum = Exponentials(scores, start, stop, factor, TLanes.Multiply(TLanes.Broadcast(peak), factor));
        return new SoftmaxPart(peak * (scale.SoftCap > 0 ? 1 : scale.Factor), sum);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    [SkipLocalsInit]
    public override void Merge(
        float* totals, Span<SoftmaxPart> totalParts, float* values, ReadOnlySpan<SoftmaxPart> parts, int count)
    {
        var factors = stackalloc float[2 * TileTokens]; // of the totals, then of the values
        for (var row = 0; row < parts.Length; row++)
        {
            var peak = MathF.Max(totalParts[row].Peak, parts[row].Peak);
            (factors[row], factors[TileTokens + row]) = (totalParts[row].Peak - peak, parts[row].Peak - peak);
            totalParts[row] = totalParts[row] with { Peak = peak };
        }

        for (var i = 0; i < 2 * TileTokens; i += TLanes.Count)
        {
            TLanes.Store(factors + i, Weight(TLanes.Load(factors + i)));
        }

        for (var row = 0; row < parts.Length; row++, totals += count, values += count)
        {
            var (old, added) = (factors[row], factors[TileTokens + row]);
            totalParts[row] = totalParts[row] with { Sum = MathF.FusedMultiplyAdd(totalParts[row].Sum, old, parts[row].Sum * added) };
            Blend(totals, TLanes.Broadcast(old), values, TLanes.Broadcast(added), count);
        }
    }

    /// <summary>In place: x = x · a + y · b.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Blend(float* x, TVector a, float* y, TVector b, int count)
    {
        for (var i = 0; i < count; i += TLanes.Count)
        {
            TLanes.Store(x + i, TLanes.FusedMultiplyAdd(TLanes.Load(x + i), a, TLanes.Multiply(TLanes.Load(y + i), b)));
        }
    }

    /// <summary>A NaN is passed over here and shows in the sum.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Highest(float* scores, int start, int stop)
    {
        TVector even, odd;
        even = odd = TLanes.Broadcast(float.NegativeInfinity);
        for (var i = start; i < stop; i += 2 * TLanes.Count) // two chains
        {
            var (a, b) = (TLanes.Load(scores + i), TLanes.Load(scores + i + TLanes.Count));
            even = TLanes.SelectLess(even, a, a, even);
            odd = TLanes.SelectLess(odd, b, b, odd);
        }

        return TLanes.Highest(TLanes.SelectLess(even, odd, odd, even));
    }

    /// <summary>Scores become e^(factor · score - peak), and 0 where they are masked. Returns their sum.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Exponentials(float* scores, int start, int stop, TVector factor, TVector peak)
    {
        var sum = TLanes.Broadcast(0);
        for (var i = start; i < stop; i += TLanes.Count)
        {
            var weight = Weight(TLanes.Subtract(TLanes.Multiply(TLanes.Load(scores + i), factor), peak));
            TLanes.Store(scores + i, weight);
            sum = TLanes.Add(sum, weight);
        }

        return TLanes.Sum(sum);
    }

    /// <summary>e^below, and exactly 0 under e^-86; of nothing above 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector Weight(TVector below) =>
        TLanes.SelectLess(below, TLanes.Broadcast(-86), TLanes.Broadcast(0), ExpInRange(below));
}
