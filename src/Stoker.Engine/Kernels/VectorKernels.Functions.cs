using System.Runtime.CompilerServices;

namespace Stoker.Engine.Kernels;

/// <remarks>Functions of one vector. The exponential is our own: the library's leaves open whether it fuses.</remarks>
internal unsafe partial class VectorKernels<TLanes, TVector>
{
    private interface IOperation
    {
        static abstract TVector Apply(TVector x);
    }

    /// <summary>
    /// e^x to 2 units in the last place, for x cut to [-86, 88], where the result is a normal float; NaN stays NaN.
    /// </summary>
    /// <remarks>
    /// x = n·ln 2 + r with |r| at most ln 2 / 2, e^r by a polynomial (Cephes' coefficients for float32), times 2^n.
    /// Adding 1.5·2^23 rounds to the nearest integer and leaves n in the low bits.
    /// </remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector Exp(TVector x)
    {
        var (lowest, highest) = (TLanes.Broadcast(-86), TLanes.Broadcast(88));
        x = TLanes.SelectLess(x, lowest, lowest, x);
        return ExpInRange(TLanes.SelectLess(highest, x, highest, x));
    }

    /// <summary>The same for x in [-86, 88] or NaN; of other numbers it makes anything.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector ExpInRange(TVector x)
    {
        var magic = TLanes.Broadcast(12582912f);
        var shifter = TLanes.FusedMultiplyAdd(x, TLanes.Broadcast(1.44269504f), magic);
        var n = TLanes.Subtract(shifter, magic);
        var r = TLanes.FusedMultiplyAdd(n, TLanes.Broadcast(-0.693359375f), x);
        r = TLanes.FusedMultiplyAdd(n, TLanes.Broadcast(2.12194440e-4f), r);
        var p = TLanes.Broadcast(1.9875691500e-4f);
        p = TLanes.FusedMultiplyAdd(p, r, TLanes.Broadcast(1.3981999507e-3f));
        p = TLanes.FusedMultiplyAdd(p, r, TLanes.Broadcast(8.3334519073e-3f));
        p = TLanes.FusedMultiplyAdd(p, r, TLanes.Broadcast(4.1665795894e-2f));
        p = TLanes.FusedMultiplyAdd(p, r, TLanes.Broadcast(1.6666665459e-1f));
        p = TLanes.FusedMultiplyAdd(p, r, TLanes.Broadcast(5.0000001201e-1f));
        p = TLanes.FusedMultiplyAdd(TLanes.Multiply(p, r), r, TLanes.Add(r, TLanes.Broadcast(1)));
        return TLanes.ScaleByPowerOfTwo(p, shifter);
    }

    /// <summary>x / (1 + e^-z): silu with z = x.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector TimesSigmoid(TVector x, TVector z) =>
        TLanes.Divide(x, TLanes.Add(TLanes.Broadcast(1), Exp(TLanes.Subtract(TLanes.Broadcast(0), z))));

    /// <summary>cap · tanh(x / cap), by tanh(z) = 1 - 2 / (e^2z + 1): absolute error below 2e-7 · cap.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector SoftCap(TVector x, float cap)
    {
        var one = TLanes.Broadcast(1);
        var power = Exp(TLanes.Multiply(x, TLanes.Broadcast(2 / cap)));
        var tanh = TLanes.Subtract(one, TLanes.Divide(TLanes.Broadcast(2), TLanes.Add(power, one)));
        return TLanes.Multiply(tanh, TLanes.Broadcast(cap));
    }

    private readonly struct SiluOperation : IOperation
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static TVector Apply(TVector x) => TimesSigmoid(x, x);
    }

    /// <summary>
    /// 0.5x(1 + tanh z) = x · sigmoid(2z) with z = sqrt(2/pi)(x + 0.044715x³): no cancellation for negative x.
    /// </summary>
    private readonly struct GeluOperation : IOperation
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static TVector Apply(TVector x)
        {
            var cubic = TLanes.FusedMultiplyAdd(
                TLanes.Multiply(TLanes.Multiply(x, x), TLanes.Broadcast(0.044715f)), x, x);
            return TimesSigmoid(x, TLanes.Multiply(cubic, TLanes.Broadcast(1.5957691216f)));
        }
    }
}
