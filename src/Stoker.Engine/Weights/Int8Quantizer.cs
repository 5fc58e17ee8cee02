using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Stoker.Engine.Weights;

/// <summary>Symmetric 8 bit integers: value = integer · scale, the scale being the group's largest magnitude / 127.</summary>
internal static unsafe class Int8Quantizer
{
    /// <summary>1.5 · 2^23: added to a number up to 2^22 it leaves the nearest integer (ties to even) in the low bits.</summary>
    internal const float Rounder = 12582912f;

    /// <summary>One row's group (a multiple of 32 columns) to integers + 128; returns the scale's f16 bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static ushort Quantise(float* values, int count, byte* target, int row)
    {
        var scale = ScaleAtLeast(FiniteLargest(values, count, row, WeightFormat.Int8) / 127, row, WeightFormat.Int8);
        var inverse = Vector512.Create(scale == Half.Zero ? 0 : 1 / (float)scale);
        var (rounder, bias) = (Vector512.Create(Rounder), Vector512.Create(0x4B400000 - 128));
        for (var k = 0; k < count; k += 32)
        {
            var low = ((Vector512.Load(values + k) * inverse) + rounder).AsInt32() - bias;
            var high = ((Vector512.Load(values + k + 16) * inverse) + rounder).AsInt32() - bias;
            var words = Vector512.Narrow(low.AsUInt32(), high.AsUInt32());
            Vector512.Narrow(words, words).GetLower().Store(target + k);
        }

        return BitConverter.HalfToUInt16Bits(scale);
    }

    /// <summary>The smallest f16 that is no less: with it no value of the group clips.</summary>
    internal static Half ScaleAtLeast(float scale, int row, WeightFormat format)
    {
        var half = (Half)scale;
        if ((float)half < scale)
        {
            half = BitConverter.UInt16BitsToHalf((ushort)(BitConverter.HalfToUInt16Bits(half) + 1));
        }

        return Half.IsFinite(half)
            ? half
            : throw new WeightRangeException(row, $"a weight is too large for {format}, whose scales end at 65504; open the model as bf16");
    }

    internal static float FiniteLargest(float* values, int count, int row, WeightFormat format)
    {
        var largest = BitConverter.Int32BitsToSingle(SourceRow.LargestBits(values, count));
        return float.IsFinite(largest)
            ? largest
            : throw NotFinite(row, format);
    }

    internal static WeightRangeException NotFinite(int row, WeightFormat format) =>
        new(row, $"a weight is NaN or infinite, which {format} cannot hold; mend the checkpoint or open it as bf16");
}
