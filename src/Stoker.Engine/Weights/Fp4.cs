using System.Runtime.Intrinsics;

namespace Stoker.Engine.Weights;

/// <summary>
/// The E2M1 numbers 0, 0.5, 1, 1.5, 2, 3, 4, 6 with a sign in bit 3. They are held doubled, as the integers that the kernels
/// multiply with, so a stored scale is half of the scale of the number itself.
/// </summary>
internal static class Fp4
{
    /// <summary>Added to a doubled value it is 0 to 24: an unsigned byte for the dot product instruction.</summary>
    public const int Bias = 12;

    private static ReadOnlySpan<sbyte> Values => [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12];

    public static int Doubled(int code) => Values[code];

    /// <summary>The codes whose doubled values are nearest, ties to the even significand, saturating.</summary>
    public static Vector512<int> FromDoubled(Vector512<float> values)
    {
        var magnitude = Vector512.Abs(values);
        // Every bound passed is the next code; at a tie the even code wins, so bounds are in turn outside and inside.
        var codes = Above(0.5f) + AtLeast(1.5f) + Above(2.5f) + AtLeast(3.5f) + Above(5) + AtLeast(7) + Above(10);
        return (Vector512.LessThan(values, Vector512<float>.Zero).AsInt32() & Vector512.Create(8)) - codes;

        Vector512<int> Above(float bound) => Vector512.GreaterThan(magnitude, Vector512.Create(bound)).AsInt32(); // -1 where true

        Vector512<int> AtLeast(float bound) => Vector512.GreaterThanOrEqual(magnitude, Vector512.Create(bound)).AsInt32();
    }
}
