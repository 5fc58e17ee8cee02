using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Stoker.Benchmarks.RandomModels;

namespace Stoker.Benchmarks.Gguf;

/// <summary>Rows of float32 to GGUF blocks, rounded to nearest.</summary>
internal static class BlockQuantizer
{
    private const int Group = 32;
    private const int SuperBlock = 256;
    private const int SubBlock = 16; // of Q6_K: each has its own scale

    /// <param name="values">Whole blocks.</param>
    /// <param name="target">Exactly as long as the blocks.</param>
    public static void Quantize(GgufType type, ReadOnlySpan<float> values, Span<byte> target)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(target.Length, type.SizeBytes(values.Length));
        var (elements, bytes) = type.Block();
        switch (type)
        {
            case GgufType.F32:
                MemoryMarshal.AsBytes(values).CopyTo(target);
                return;
            case GgufType.Bf16:
                for (var index = 0; index < values.Length; index++)
                {
                    BinaryPrimitives.WriteUInt16LittleEndian(target[(2 * index)..], NormalNoise.ToBf16(values[index]));
                }
                return;
        }

        for (; values.Length > 0; values = values[elements..], target = target[bytes..])
        {
            if (type == GgufType.Q80) Q80(values[..Group], target);
            else if (type == GgufType.Q40) Q40(values[..Group], target);
            else Q6K(values[..SuperBlock], target);
        }
    }

    /// <summary>fp16 scale = absmax/127, then 32 signed bytes.</summary>
    private static void Q80(ReadOnlySpan<float> values, Span<byte> target)
    {
        var largest = 0f;
        foreach (var value in values) largest = Math.Max(largest, Math.Abs(value));
        var inverse = largest == 0 ? 0 : 127 / largest;
        BinaryPrimitives.WriteHalfLittleEndian(target, (Half)(largest / 127));
        for (var index = 0; index < Group; index++)
        {
            target[2 + index] = (byte)(sbyte)MathF.Round(values[index] * inverse, MidpointRounding.AwayFromZero);
        }
    }

    /// <summary>
    /// fp16 scale, then 16 bytes of nibbles: byte i has value i low and value i + 16 high. A nibble n stands for
    /// scale·(n - 8), and the value of largest size becomes exactly -8.
    /// </summary>
    private static void Q40(ReadOnlySpan<float> values, Span<byte> target)
    {
        var scale = Extreme(values) / -8;
        var inverse = scale == 0 ? 0 : 1 / scale;
        BinaryPrimitives.WriteHalfLittleEndian(target, (Half)scale);
        for (var index = 0; index < Group / 2; index++)
        {
            target[2 + index] = (byte)(Nibble(values[index]) | (Nibble(values[index + (Group / 2)]) << 4));
        }

        int Nibble(float value) => Math.Min(15, (int)((value * inverse) + 8.5f));
    }

    /// <summary>
    /// 256 values of 6 bits: 128 bytes of low nibbles, 64 bytes of high bit pairs, 16 signed scales of 16 values each, and
    /// an fp16 scale of the scales.
    /// </summary>
    private static void Q6K(ReadOnlySpan<float> values, Span<byte> target)
    {
        Span<float> wanted = stackalloc float[SuperBlock / SubBlock];
        for (var sub = 0; sub < wanted.Length; sub++) wanted[sub] = Extreme(values.Slice(sub * SubBlock, SubBlock)) / -32;
        var low = target[..128];
        var high = target.Slice(128, 64);
        var scales = target.Slice(192, 16);
        var largest = Extreme(wanted);
        var common = (Half)(largest / -128);
        BinaryPrimitives.WriteHalfLittleEndian(target[208..], common);
        Span<byte> codes = stackalloc byte[SuperBlock];
        for (var sub = 0; sub < wanted.Length; sub++)
        {
            var scale = common == Half.Zero ? 0 : (int)Math.Clamp(MathF.Round(wanted[sub] / (float)common), -128, 127);
            scales[sub] = (byte)(sbyte)scale;
            var step = scale * (float)common;
            for (var index = sub * SubBlock; index < (sub + 1) * SubBlock; index++)
            {
                codes[index] = (byte)(32 + (step == 0 ? 0 : (int)Math.Clamp(MathF.Round(values[index] / step), -32, 31)));
            }
        }

        // Each half of 128 values: four runs of 32; runs 0 and 2 share the first 32 low bytes, 1 and 3 the next.
        for (var half = 0; half < 2; half++)
        {
            var run = codes.Slice(half * 128, 128);
            for (var index = 0; index < 32; index++)
            {
                var (a, b, c, d) = (run[index], run[index + 32], run[index + 64], run[index + 96]);
                low[(half * 64) + index] = (byte)((a & 15) | ((c & 15) << 4));
                low[(half * 64) + index + 32] = (byte)((b & 15) | ((d & 15) << 4));
                high[(half * 32) + index] = (byte)((a >> 4) | ((b >> 4) << 2) | ((c >> 4) << 4) | ((d >> 4) << 6));
            }
        }
    }

    /// <summary>The value of largest size, with its sign.</summary>
    private static float Extreme(ReadOnlySpan<float> values)
    {
        var extreme = 0f;
        foreach (var value in values)
        {
            if (Math.Abs(value) > Math.Abs(extreme)) extreme = value;
        }
        return extreme;
    }
}
