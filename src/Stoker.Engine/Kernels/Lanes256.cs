using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Stoker.Engine.Kernels;

/// <summary>8 values: AVX2.</summary>
internal readonly unsafe struct Lanes256 : ILanes<Vector256<float>>
{
    public static int Count => Vector256<float>.Count;

    public static Vector256<float> Broadcast(float value) => Vector256.Create(value);

    public static Vector256<float> Load(float* source) => Vector256.Load(source);

    /// <summary>
    /// Shifted into place, the exponent is 112 too small, which one multiplication mends, for subnormals too.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> LoadHalf(ushort* source)
    {
        return ToSingle(Widen(source));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void LoadBFloat16Pairs(uint* source, out Vector256<float> lower, out Vector256<float> upper)
    {
        var pairs = Vector256.Load(source);
        (lower, upper) = ((pairs << 16).AsSingle(), (pairs & Vector256.Create(0xFFFF0000u)).AsSingle());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void LoadHalfPairs(uint* source, out Vector256<float> lower, out Vector256<float> upper)
    {
        var pairs = Vector256.Load(source);
        (lower, upper) = (ToSingle(pairs & Vector256.Create(0xFFFFu)), ToSingle(pairs >>> 16));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void LoadByteQuads(uint* source, out Vector256<float> even, out Vector256<float> odd)
    {
        var (quads, mask) = (Vector256.Load(source), Vector256.Create(0x00FF00FFu));
        (even, odd) = ((quads & mask).AsSingle(), ((quads >>> 8) & mask).AsSingle());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> MultiplyAddPairs(Vector256<float> sum, Vector256<float> a, uint b) =>
        (sum.AsInt32() + Avx2.MultiplyAddAdjacent(a.AsInt16(), Vector256.Create(b).AsInt16())).AsSingle();

    public static Vector256<float> BroadcastInt32(int value) => Vector256.Create(value).AsSingle();

    public static Vector256<float> ConvertToSingle(Vector256<float> int32) => Vector256.ConvertToSingle(int32.AsInt32());

    public static void Store(float* target, Vector256<float> value) => value.Store(target);

    public static Vector256<float> Add(Vector256<float> a, Vector256<float> b) => a + b;

    public static Vector256<float> Subtract(Vector256<float> a, Vector256<float> b) => a - b;

    public static Vector256<float> Multiply(Vector256<float> a, Vector256<float> b) => a * b;

    public static Vector256<float> Divide(Vector256<float> a, Vector256<float> b) => a / b;

    public static Vector256<float> FusedMultiplyAdd(Vector256<float> a, Vector256<float> b, Vector256<float> c) =>
        Vector256.FusedMultiplyAdd(a, b, c);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> SelectLess(
        Vector256<float> a, Vector256<float> b, Vector256<float> then, Vector256<float> otherwise) =>
        Vector256.ConditionalSelect(Vector256.LessThan(a, b), then, otherwise);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> ScaleByPowerOfTwo(Vector256<float> value, Vector256<float> shifter) =>
        (value.AsInt32() + (shifter.AsInt32() << 23)).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Highest(Vector256<float> value) =>
        Lanes128.Highest(Lanes128.SelectLess(value.GetLower(), value.GetUpper(), value.GetUpper(), value.GetLower()));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(Vector256<float> value) => Lanes128.Sum(value.GetLower() + value.GetUpper());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<uint> Widen(ushort* source) =>
        Vector256.WidenLower(Vector128.Load(source).ToVector256Unsafe());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> ToSingle(Vector256<uint> bits)
    {
        var sign = (bits & Vector256.Create(0x8000u)) << 16;
        var magnitude = (bits & Vector256.Create(0x7FFFu)) << 13;
        var scaled = (magnitude.AsSingle() * Vector256.Create(5.192296858534828e33f)).AsUInt32();
        var notFinite = Vector256.GreaterThanOrEqual(magnitude, Vector256.Create(0x7C00u << 13));
        return (sign | scaled | (notFinite & Vector256.Create(0x7F800000u))).AsSingle();
    }
}
