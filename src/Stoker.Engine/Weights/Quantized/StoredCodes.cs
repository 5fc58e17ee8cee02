using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Stoker.Engine.Weights.Quantized;

/// <summary>Codes of a checkpoint times their scale, in float32: what the checkpoint's author multiplied with.</summary>
internal static unsafe class StoredCodes
{
    /// <summary>2^120: an E4M3 code in the place of a float32's exponent is too small by this.</summary>
    private const float ExponentGap = 1.3292279957849159e36f;

    /// <param name="scale">Of all of them.</param>
    public static void Widen(TensorType type, byte* codes, int count, float scale, float* target)
    {
        if (type == TensorType.I8)
        {
            for (var k = 0; k < count; k++) target[k] = (sbyte)codes[k] * scale;
        }
        else
        {
            WidenFp8(codes, count, scale, target);
        }
    }

    /// <summary>Whether a row of E4M3 codes has one that is no number.</summary>
    public static bool HasNan(byte* codes, int count) => new ReadOnlySpan<byte>(codes, count).ContainsAny((byte)0x7F, (byte)0xFF);

    /// <summary>Subnormal codes become subnormal float32 numbers for a moment, and exact ones by the product.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void WidenFp8(byte* codes, int count, float scale, float* target)
    {
        var k = 0;
        for (; k <= count - 16; k += 16)
        {
            var bytes = Vector128.Load(codes + k);
            var words = Vector256.Create(Vector128.WidenLower(bytes), Vector128.WidenUpper(bytes));
            var bits = Vector512.Create(Vector256.WidenLower(words), Vector256.WidenUpper(words));
            var magnitude = bits & Vector512.Create(0x7Fu);
            var value = (magnitude << 20).AsSingle() * Vector512.Create(ExponentGap);
            var isNan = Vector512.Equals(magnitude, Vector512.Create(0x7Fu)).AsSingle();
            var number = Vector512.ConditionalSelect(isNan, Vector512.Create(float.NaN), value).AsUInt32();
            ((number | ((bits & Vector512.Create(0x80u)) << 24)).AsSingle() * Vector512.Create(scale)).Store(target + k);
        }

        for (; k < count; k++) target[k] = Fp8.ToSingle(codes[k]) * scale;
    }
}
