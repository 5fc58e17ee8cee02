using System.Globalization;

namespace Stoker.Benchmarks.Comparing;

/// <summary>Whether two sides compute one model: speed of a wrong one means nothing.</summary>
internal static class SameModel
{
    /// <exception cref="UsageException">The logits of both sides point elsewhere.</exception>
    public static void Check(SideProcess ours, SideProcess peer, double leastCosine)
    {
        var cosine = Cosine(ours.CheckLogits(), peer.CheckLogits());
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  cosine of both sides' logits: {cosine:F5} (at least {leastCosine})"));
        if (!(cosine >= leastCosine)) throw new UsageException("The two sides do not compute the same model; their speeds are not compared.");
    }

    /// <summary>Of the angle between two vectors; NaN where one is zero or not finite.</summary>
    /// <exception cref="UsageException">They differ in length.</exception>
    public static double Cosine(float[] a, float[] b)
    {
        if (a.Length != b.Length) throw new UsageException($"Ours has {a.Length} logits, the peer {b.Length}: not the same model.");
        var (product, first, second) = (0.0, 0.0, 0.0);
        for (var index = 0; index < a.Length; index++)
        {
            product += (double)a[index] * b[index];
            first += (double)a[index] * a[index];
            second += (double)b[index] * b[index];
        }

        return product / Math.Sqrt(first * second);
    }
}
