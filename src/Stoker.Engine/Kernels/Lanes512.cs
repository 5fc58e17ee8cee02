using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Stoker.Engine.Kernels;

/// <summary>16 values: AVX-512.</summary>
internal readonly unsafe struct Lanes512 : ILanes<Vector512<float>>
{
    public static int Count => Vector512<float>.Count;

    public static Vector512<float> Broadcast(float value) => Vector512.Create(value);

    public static Vector512<float> Load(float* source) => Vector512.Load(source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> LoadBFloat16(ushort* source) => (Widen(source) << 16).AsSingle();

    /// <summary>
    /// Shifted into place, the exponent is 112 too small, which one multiplication mends, for subnormals too.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> LoadHalf(ushort* source)
    {
        return ToSingle(Widen(source));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void LoadBFloat16Pairs(uint* source, out Vector512<float> lower, out Vector512<float> upper)
    {
        var pairs = Vector512.Load(source);
        (lower, upper) = ((pairs << 16).AsSingle(), (pairs & Vector512.Create(0xFFFF0000u)).AsSingle());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void LoadHalfPairs(uint* source, out Vector512<float> lower, out Vector512<float> upper)
    {
        var pairs = Vector512.Load(source);
        (lower, upper) = (ToSingle(pairs & Vector512.Create(0xFFFFu)), ToSingle(pairs >>> 16));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void LoadByteQuads(uint* source, out Vector512<float> even, out Vector512<float> odd)
    {
        var (quads, mask) = (Vector512.Load(source), Vector512.Create(0x00FF00FFu));
        (even, odd) = ((quads & mask).AsSingle(), ((quads >>> 8) & mask).AsSingle());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> MultiplyAddPairs(Vector512<float> sum, Vector512<float> a, uint b) =>
        (sum.AsInt32() + Avx512BW.MultiplyAddAdjacent(a.AsInt16(), Vector512.Create(b).AsInt16())).AsSingle();

    public static Vector512<float> BroadcastInt32(int value) => Vector512.Create(value).AsSingle();

    public static Vector512<float> ConvertToSingle(Vector512<float> int32) => Vector512.ConvertToSingle(int32.AsInt32());

    public static void Store(float* target, Vector512<float> value) => value.Store(target);

    public static Vector512<float> Add(Vector512<float> a, Vector512<float> b) => a + b;

    public static Vector512<float> Subtract(Vector512<float> a, Vector512<float> b) => a - b;

    public static Vector512<float> Multiply(Vector512<float> a, Vector512<float> b) => a * b;

    public static Vector512<float> Divide(Vector512<float> a, Vector512<float> b) => a / b;

    public static Vector512<float> FusedMultiplyAdd(Vector512<float> a, Vector512<float> b, Vector512<float> c) =>
        Vector512.FusedMultiplyAdd(a, b, c);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> SelectLess(
        Vector512<float> a, Vector512<float> b, Vector512<float> then, Vector512<float> otherwise) =>
        Vector512.ConditionalSelect(Vector512.LessThan(a, b), then, otherwise);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> ScaleByPowerOfTwo(Vector512<float> value, Vector512<float> shifter) =>
        (value.AsInt32() + (shifter.AsInt32() << 23)).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Highest(Vector512<float> value) =>
        Lanes256.Highest(Lanes256.SelectLess(value.GetLower(), value.GetUpper(), value.GetUpper(), value.GetLower()));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(Vector512<float> value) => Lanes256.Sum(value.GetLower() + value.GetUpper());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<uint> Widen(ushort* source) =>
        Vector512.WidenLower(Vector256.Load(source).ToVector512Unsafe());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> ToSingle(Vector512<uint> bits)
    {
        var sign = (bits & Vector512.Create(0x8000u)) << 16;
        var magnitude = (bits & Vector512.Create(0x7FFFu)) << 13;
        var scaled = (magnitude.AsSingle() * Vector512.Create(5.192296858534828e33f)).AsUInt32();
        var notFinite = Vector512.GreaterThanOrEqual(magnitude, Vector512.Create(0x7C00u << 13));
        return (sign | scaled | (notFinite & Vector512.Create(0x7F800000u))).AsSingle();
    }
}
