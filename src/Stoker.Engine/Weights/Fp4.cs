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

    /// <summary>The code whose doubled value is nearest, ties to the even significand, saturating.</summary>
    public static int FromDoubled(float value)
    {
        var magnitude = MathF.Abs(value);
        var code = magnitude <= 0.5f ? 0 : magnitude < 1.5f ? 1 : magnitude <= 2.5f ? 2 : magnitude < 3.5f ? 3
            : magnitude <= 5 ? 4 : magnitude < 7 ? 5 : magnitude <= 10 ? 6 : 7;
        return value < 0 ? code | 8 : code;
    }
}
