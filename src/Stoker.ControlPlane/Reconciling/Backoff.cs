namespace Stoker.ControlPlane.Reconciling;

/// <summary>
/// How long to wait before the next try: none before the second, then doubling up to a cap, with jitter.
/// </summary>
/// <param name="First">The wait before the third try.</param>
/// <param name="Cap">The longest wait, before jitter.</param>
public sealed record Backoff(TimeSpan First, TimeSpan Cap)
{
    /// <summary>
    /// Waits are stretched or shortened by up to this share, so that what failed together does not come back together.
    /// </summary>
    public const double Jitter = 0.2;

    /// <param name="failures">Failures in a row, from 1.</param>
    /// <param name="seed">What differs between those who wait. The same seed and count give the same wait, in every
    /// process.</param>
    public TimeSpan After(int failures, string seed)
    {
        if (failures <= 1) return TimeSpan.Zero; // most deaths are single ones: replace at once
        var doublings = Math.Min(failures - 2, 30);
        var wait = Math.Min(First.TotalSeconds * Math.Pow(2, doublings), Cap.TotalSeconds);
        return TimeSpan.FromSeconds(wait * (1 - Jitter + 2 * Jitter * Unit(seed, failures)));
    }

    /// <summary>0..1: FNV-1a over the seed, then the finaliser of SplitMix64.</summary>
    private static double Unit(string seed, int failures)
    {
        var z = 14695981039346656037UL ^ (ulong)failures;
        foreach (var c in seed) z = (z ^ c) * 1099511628211UL;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return ((z ^ (z >> 31)) >> 11) * (1.0 / (1UL << 53));
    }
}
