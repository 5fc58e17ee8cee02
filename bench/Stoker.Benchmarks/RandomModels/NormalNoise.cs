using System.Runtime.InteropServices;

namespace Stoker.Benchmarks.RandomModels;

/// <summary>
/// bf16 noise of mean 0 and deviation 0.02, the same for a seed on every machine and any number of threads.
/// </summary>
/// <remarks>
/// 16 random bits pick one of the 65,536 quantiles of the normal distribution, so the tail ends at 4.2 deviations, and
/// four values cost one step of the generator: about 1 ns each.
/// </remarks>
internal static class NormalNoise
{
    private const double Deviation = 0.02;

    private static readonly ushort[] Quantiles = [.. Enumerable.Range(0, 65_536)
        .Select(index => ToBf16((float)(Deviation * InverseNormal((index + 0.5) / 65_536))))];

    /// <summary>Fills a block; a block's content depends on the three numbers alone.</summary>
    public static void Fill(Span<ushort> target, ulong seed, int tensor, long block)
    {
        var state = Mix(Mix(Mix(seed) ^ (ulong)tensor) ^ (ulong)block);
        Span<ulong> word = stackalloc ulong[1];
        var picks = MemoryMarshal.Cast<ulong, ushort>(word);
        for (var index = 0; index < target.Length; index += 4)
        {
            word[0] = Mix(state += 0x9E3779B97F4A7C15);
            for (var lane = 0; lane < Math.Min(4, target.Length - index); lane++) target[index + lane] = Quantiles[picks[lane]];
        }
    }

    /// <summary>Rounds to nearest, ties to even.</summary>
    public static ushort ToBf16(float value)
    {
        var bits = BitConverter.SingleToUInt32Bits(value);
        return (ushort)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
    }

    /// <summary>SplitMix64's output function.</summary>
    private static ulong Mix(ulong value)
    {
        value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9;
        value = (value ^ (value >> 27)) * 0x94D049BB133111EB;
        return value ^ (value >> 31);
    }

    /// <summary>The quantile function of N(0, 1), by bisection of its distribution function: 65,536 calls, once.</summary>
    private static double InverseNormal(double probability)
    {
        var (low, high) = (-6.0, 6.0);
        for (var round = 0; round < 40; round++)
        {
            var middle = (low + high) / 2;
            if (Distribution(middle) < probability) low = middle;
            else high = middle;
        }
        return (low + high) / 2;
    }

    /// <summary>Abramowitz and Stegun 26.2.17: absolute error under 7.5e-8, far below a bf16 step.</summary>
    private static double Distribution(double x)
    {
        var t = 1 / (1 + (0.2316419 * Math.Abs(x)));
        var tail = Math.Exp(-x * x / 2) / Math.Sqrt(2 * Math.PI)
            * t * (0.319381530 + (t * (-0.356563782 + (t * (1.781477937 + (t * (-1.821255978 + (t * 1.330274429))))))));
        return x > 0 ? 1 - tail : tail;
    }
}
