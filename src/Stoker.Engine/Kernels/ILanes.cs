namespace Stoker.Engine.Kernels;

/// <summary>Float32 vector arithmetic of one width, so that the kernels are written once for all widths.</summary>
/// <remarks>
/// Implementations are structs: the JIT compiles the kernels for each of them with these calls turned into
/// instructions. Only operations with one exactly defined result stand here (no estimates, sums in a written order): a
/// method gives the same bits whether the JIT has optimised it yet or not.
/// </remarks>
internal unsafe interface ILanes<TVector> where TVector : struct
{
    /// <summary>Values in a vector; a power of two up to 16.</summary>
    static abstract int Count { get; }

    static abstract TVector Broadcast(float value);

    /// <summary>Any alignment.</summary>
    static abstract TVector Load(float* source);

    /// <summary>f16 to float32, exact, with subnormals, infinities and NaN.</summary>
    static abstract TVector LoadHalf(ushort* source);

    /// <summary>Pairs of bf16 as they lie in a panel: of each 32 bits the lower and the upper half.</summary>
    static abstract void LoadBFloat16Pairs(uint* source, out TVector lower, out TVector upper);

    /// <summary>Pairs of f16.</summary>
    static abstract void LoadHalfPairs(uint* source, out TVector lower, out TVector upper);

    /// <summary>Quads of u8: of each the bytes 0 and 2, and the bytes 1 and 3, as pairs of 16 bit integers.</summary>
    static abstract void LoadByteQuads(uint* source, out TVector even, out TVector odd);

    /// <summary>In 32 bit integers: sum + a.lower · b.lower + a.upper · b.upper, a and b being pairs of 16 bit integers.</summary>
    static abstract TVector MultiplyAddPairs(TVector sum, TVector a, uint b);

    static abstract TVector BroadcastInt32(int value);

    static abstract TVector ConvertToSingle(TVector int32);

    static abstract void Store(float* target, TVector value);

    static abstract TVector Add(TVector a, TVector b);

    static abstract TVector Subtract(TVector a, TVector b);

    static abstract TVector Multiply(TVector a, TVector b);

    static abstract TVector Divide(TVector a, TVector b);

    /// <summary>a · b + c with one rounding.</summary>
    static abstract TVector FusedMultiplyAdd(TVector a, TVector b, TVector c);

    /// <summary>Where a is less than b: <paramref name="then"/>, else (NaN too) <paramref name="otherwise"/>.</summary>
    static abstract TVector SelectLess(TVector a, TVector b, TVector then, TVector otherwise);

    /// <summary>value · 2^n, n being the low bits of <paramref name="shifter"/>, a float near 1.5 · 2^23.</summary>
    static abstract TVector ScaleByPowerOfTwo(TVector value, TVector shifter);

    /// <summary>The highest value; a NaN may be passed over.</summary>
    static abstract float Highest(TVector value);

    /// <summary>Halves are added to each other down to one value.</summary>
    static abstract float Sum(TVector value);
}
