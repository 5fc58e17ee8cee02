using System.Runtime.InteropServices;

namespace Stoker.Engine.Tests;

internal static class Bits
{
    /// <summary>Equality of bits: stricter than of numbers, which lets 0 pass for -0 and never NaN for NaN.</summary>
    public static void ShouldHaveTheBitsOf(this float[] actual, ReadOnlySpan<float> expected, string? context = null)
    {
        actual.Length.ShouldBe(expected.Length, context);
        var actualBits = MemoryMarshal.Cast<float, int>(actual);
        var expectedBits = MemoryMarshal.Cast<float, int>(expected);
        for (var i = 0; i < expectedBits.Length; i++)
        {
            if (actualBits[i] != expectedBits[i])
            {
                throw new ShouldAssertException($"{context}: value {i} is {actual[i]:G9}, expected {expected[i]:G9}");
            }
        }
    }
}
