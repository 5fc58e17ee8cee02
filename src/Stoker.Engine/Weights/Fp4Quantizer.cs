using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Stoker.Engine.Weights;

/// <summary>E2M1 with one f16 scale per 32 columns of a row.</summary>
/// <remarks>
/// The largest magnitude does not have to become the largest code: with so few codes a smaller scale that clips it, or a
/// larger one, often leaves less squared error. A handful of candidates are tried.
/// </remarks>
internal static unsafe class Fp4Quantizer
{
    /// <summary>What the group's largest magnitude becomes in doubled codes, of which 12 is the largest.</summary>
    private static ReadOnlySpan<float> Targets => [12, 13.2f, 11, 10, 9, 8];

    /// <summary>One row's group of 32 values to 16 bytes, byte (j, i) = columns 8j + i and 8j + 4 + i; returns the scale's f16 bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static ushort Quantise(float* values, byte* target, int row)
    {
        var largest = Int8Quantizer.FiniteLargest(values, PanelLayout.Fp4Group, row, WeightFormat.Fp4);
        var (low, high) = (Vector512.Load(values), Vector512.Load(values + 16));
        var (best, bestError) = (Half.Zero, float.PositiveInfinity);
        foreach (var whole in Targets)
        {
            var scale = Int8Quantizer.ScaleAtLeast(largest / whole, row, WeightFormat.Fp4);
            var (factor, inverse) = (Vector512.Create((float)scale), Vector512.Create(scale == Half.Zero ? 0 : 1 / (float)scale));
            var errors = SquaredError(low, inverse, factor) + SquaredError(high, inverse, factor);
            if (Vector512.Sum(errors) is var error && error < bestError)
            {
                (best, bestError) = (scale, error);
            }
        }

        Write(low, high, Vector512.Create(best == Half.Zero ? 0 : 1 / (float)best), target);
        return BitConverter.HalfToUInt16Bits(best);
    }

    [SkipLocalsInit]
    private static void Write(Vector512<float> low, Vector512<float> high, Vector512<float> inverse, byte* target)
    {
        var codes = stackalloc int[PanelLayout.Fp4Group];
        Fp4.FromDoubled(low * inverse).Store(codes);
        Fp4.FromDoubled(high * inverse).Store(codes + Vector512<int>.Count);
        for (var j = 0; j < 4; j++)
        {
            for (var i = 0; i < 4; i++)
            {
                target[(4 * j) + i] = (byte)(codes[(8 * j) + i] | (codes[(8 * j) + 4 + i] << 4));
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> SquaredError(Vector512<float> values, Vector512<float> inverse, Vector512<float> factor)
    {
        var magnitude = Vector512.Abs(values);
        var error = magnitude - (Nearest(magnitude * inverse) * factor);
        return error * error;
    }

    /// <summary>
    /// The nearest doubled magnitude: whole numbers up to 4, even ones up to 8 and then 12 (ties do not matter to an error).
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Nearest(Vector512<float> magnitude)
    {
        var ones = Vector512.Create(Int8Quantizer.Rounder);
        var twos = Vector512.Create(Int8Quantizer.Rounder * 2);
        var wholes = (magnitude + ones) - ones;
        var evens = (magnitude + twos) - twos;
        var large = Vector512.ConditionalSelect(
            Vector512.GreaterThan(magnitude, Vector512.Create(10f)), Vector512.Create(12f), Vector512.Min(evens, Vector512.Create(8f)));
        return Vector512.ConditionalSelect(Vector512.LessThan(magnitude, Vector512.Create(4.5f)), wholes, large);
    }
}
