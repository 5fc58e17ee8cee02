using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Stoker.Engine.Kernels;

/// <summary>4 values: every CPU that .NET runs on, Arm included.</summary>
internal readonly unsafe struct Lanes128 : ILanes<Vector128<float>>
{
    public static int Count => Vector128<float>.Count;

    public static Vector128<float> Broadcast(float value) => Vector128.Create(value);

    public static Vector128<float> Load(float* source) => Vector128.Load(source);

    /// <summary>
    /// Shifted into place, the exponent is 112 too small, which one multiplication mends, for subnormals too.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> LoadHalf(ushort* source)
    {
        return ToSingle(Widen(source));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void LoadBFloat16Pairs(uint* source, out Vector128<float> lower, out Vector128<float> upper)
    {
        var pairs = Vector128.Load(source);
        (lower, upper) = ((pairs << 16).AsSingle(), (pairs & Vector128.Create(0xFFFF0000u)).AsSingle());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void LoadHalfPairs(uint* source, out Vector128<float> lower, out Vector128<float> upper)
    {
        var pairs = Vector128.Load(source);
        (lower, upper) = (ToSingle(pairs & Vector128.Create(0xFFFFu)), ToSingle(pairs >>> 16));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void LoadByteQuads(uint* source, out Vector128<float> even, out Vector128<float> odd)
    {
        var (quads, mask) = (Vector128.Load(source), Vector128.Create(0x00FF00FFu));
        (even, odd) = ((quads & mask).AsSingle(), ((quads >>> 8) & mask).AsSingle());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> MultiplyAddPairs(Vector128<float> sum, Vector128<float> a, uint b) =>
        (sum.AsInt32() + MultiplyPairs(a.AsInt32(), Vector128.Create((int)b))).AsSingle();

    public static Vector128<float> BroadcastInt32(int value) => Vector128.Create(value).AsSingle();

    public static Vector128<float> ConvertToSingle(Vector128<float> int32) => Vector128.ConvertToSingle(int32.AsInt32());

    public static void Store(float* target, Vector128<float> value) => value.Store(target);

    public static Vector128<float> Add(Vector128<float> a, Vector128<float> b) => a + b;

    public static Vector128<float> Subtract(Vector128<float> a, Vector128<float> b) => a - b;

    public static Vector128<float> Multiply(Vector128<float> a, Vector128<float> b) => a * b;

    public static Vector128<float> Divide(Vector128<float> a, Vector128<float> b) => a / b;

    public static Vector128<float> FusedMultiplyAdd(Vector128<float> a, Vector128<float> b, Vector128<float> c) =>
        Vector128.FusedMultiplyAdd(a, b, c);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> SelectLess(
        Vector128<float> a, Vector128<float> b, Vector128<float> then, Vector128<float> otherwise) =>
        Vector128.ConditionalSelect(Vector128.LessThan(a, b), then, otherwise);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> ScaleByPowerOfTwo(Vector128<float> value, Vector128<float> shifter) =>
        (value.AsInt32() + (shifter.AsInt32() << 23)).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Highest(Vector128<float> value)
    {
        var others = Vector128.Shuffle(value, Vector128.Create(2, 3, 0, 1));
        value = SelectLess(value, others, others, value);
        others = Vector128.Shuffle(value, Vector128.Create(1, 0, 3, 2));
        return SelectLess(value, others, others, value).ToScalar();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(Vector128<float> value)
    {
        var pairs = value + Vector128.Shuffle(value, Vector128.Create(2, 3, 0, 1));
        return pairs.ToScalar() + pairs.GetElement(1);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<uint> Widen(ushort* source) =>
        Vector128.WidenLower(Vector128.CreateScalarUnsafe(*(ulong*)source).AsUInt16());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> ToSingle(Vector128<uint> bits)
    {
        var sign = (bits & Vector128.Create(0x8000u)) << 16;
        var magnitude = (bits & Vector128.Create(0x7FFFu)) << 13;
        var scaled = (magnitude.AsSingle() * Vector128.Create(5.192296858534828e33f)).AsUInt32();
        var notFinite = Vector128.GreaterThanOrEqual(magnitude, Vector128.Create(0x7C00u << 13));
        return (sign | scaled | (notFinite & Vector128.Create(0x7F800000u))).AsSingle();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<int> MultiplyPairs(Vector128<int> a, Vector128<int> b) =>
        Sse2.IsSupported
            ? Sse2.MultiplyAddAdjacent(a.AsInt16(), b.AsInt16())
            : (((a << 16) >> 16) * ((b << 16) >> 16)) + ((a >> 16) * (b >> 16));
}
