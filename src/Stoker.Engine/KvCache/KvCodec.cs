using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Stoker.Engine.Weights;

namespace Stoker.Engine.KvCache;

/// <summary>Whole rows of float32 to the elements of a KV store, and fp8 on to bf16. Counts are multiples of 32.</summary>
internal static unsafe class KvCodec
{
    private const byte Fp8NaN = 0x7F;

    // bf16 of the 128 magnitudes: low bytes, then high bytes.
    private static readonly byte[] Fp8Bytes = MakeFp8Bytes();

    /// <summary>To nearest, ties to even; NaN stays NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void ToBf16(float* source, ushort* target, int count)
    {
        for (var i = 0; i < count; i += 16)
        {
            Vector256.Narrow(RoundToBf16(source + i), RoundToBf16(source + i + 8)).Store(target + i);
        }
    }

    /// <summary>To nearest, ties to even, cut to ±448; NaN stays NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void ToFp8(float* source, byte* target, int count)
    {
        for (var i = 0; i < count; i += 32)
        {
            var low = Vector256.Narrow(RoundToFp8(source + i), RoundToFp8(source + i + 8));
            var high = Vector256.Narrow(RoundToFp8(source + i + 16), RoundToFp8(source + i + 24));
            Vector256.Narrow(low, high).Store(target + i);
        }
    }

    /// <summary>E4M3 to bf16, exact.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Fp8ToBf16(byte* source, ushort* target, int count)
    {
        var i = 0;
        if (Avx512Vbmi.IsSupported)
        {
            i = Fp8ToBf16ByTable(source, target, count);
        }

        for (; i < count; i += 16)
        {
            var wide = Vector256.WidenLower(Vector128.Load(source + i).ToVector256Unsafe());
            var (low, high) = (WidenFp8(Vector256.WidenLower(wide)), WidenFp8(Vector256.WidenUpper(wide)));
            Vector256.Narrow(low, high).Store(target + i);
        }
    }

    // Shifted into a float's place an E4M3 has an exponent that is 120 too small, for subnormals too.
    private static float TwoTo120 => BitConverter.UInt32BitsToSingle((127 + 120) << 23);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<uint> RoundToBf16(float* source)
    {
        var value = Vector256.Load(source);
        var bits = value.AsUInt32();
        var rounded = (bits + Vector256.Create(0x7FFFu) + ((bits >>> 16) & Vector256<uint>.One)) >>> 16;
        return Vector256.ConditionalSelect(Vector256.Equals(value, value).AsUInt32(), rounded, Vector256.Create(0x7FC0u));
    }

    /// <remarks>
    /// Normal values round in the bits as bf16 does; below 2^-6 the step is 2^-9 throughout, the last place of a float
    /// near 2^14: adding that rounds and leaves the result in the low bits.
    /// </remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<uint> RoundToFp8(float* source)
    {
        var value = Vector256.Load(source);
        var sign = (value.AsUInt32() >>> 24) & Vector256.Create(0x80u);
        var magnitude = Vector256.Min(Vector256.Abs(value), Vector256.Create(Fp8.Largest));
        var bits = magnitude.AsUInt32();
        var normal = ((bits + Vector256.Create(0x7FFFFu) + ((bits >>> 20) & Vector256<uint>.One)) >>> 20) - Vector256.Create(120u << 3);
        var small = (magnitude + Vector256.Create(16384f)).AsUInt32() & Vector256.Create(0xFu);
        var isSmall = Vector256.LessThan(magnitude, Vector256.Create(0.015625f)).AsUInt32();
        var code = Vector256.ConditionalSelect(isSmall, small, normal);
        var isNumber = Vector256.Equals(value, value).AsUInt32();
        return sign | Vector256.ConditionalSelect(isNumber, code, Vector256.Create((uint)Fp8NaN));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<uint> WidenFp8(Vector256<uint> codes)
    {
        var magnitude = codes & Vector256.Create(0x7Fu);
        var value = ((magnitude << 20).AsSingle() * Vector256.Create(TwoTo120)).AsUInt32() >>> 16;
        var isNaN = Vector256.Equals(magnitude, Vector256.Create((uint)Fp8NaN));
        return ((codes & Vector256.Create(0x80u)) << 8) | Vector256.ConditionalSelect(isNaN, Vector256.Create(0x7FC0u), value);
    }

    /// <summary>
    /// 64 at a time by two look-ups in tables of 128 bytes; the quarters are exchanged first, as interleaving works
    /// inside them. Returns how many are done.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int Fp8ToBf16ByTable(byte* source, ushort* target, int count)
    {
        fixed (byte* table = Fp8Bytes)
        {
            var (low0, low1) = (Vector512.Load(table), Vector512.Load(table + 64));
            var (high0, high1) = (Vector512.Load(table + 128), Vector512.Load(table + 192));
            var order = Vector512.Create(0UL, 4, 1, 5, 2, 6, 3, 7);
            var sign = Vector512.Create((byte)0x80);
            var i = 0;
            for (; i <= count - 64; i += 64)
            {
                var codes = Avx512F.PermuteVar8x64(Vector512.Load(source + i).AsUInt64(), order).AsByte();
                var low = Avx512Vbmi.PermuteVar64x8x2(low0, codes, low1);
                var high = Avx512Vbmi.PermuteVar64x8x2(high0, codes, high1) | (codes & sign);
                Avx512BW.UnpackLow(low, high).AsUInt16().Store(target + i);
                Avx512BW.UnpackHigh(low, high).AsUInt16().Store(target + i + 32);
            }

            return i;
        }
    }

    private static byte[] MakeFp8Bytes()
    {
        var bytes = new byte[256];
        for (var code = 0; code < 128; code++)
        {
            var bits = BitConverter.SingleToUInt32Bits(Fp8.ToSingle((byte)code)) >> 16;
            (bytes[code], bytes[128 + code]) = ((byte)bits, (byte)((bits & 0x7FFF) >> 8));
        }

        return bytes;
    }
}
