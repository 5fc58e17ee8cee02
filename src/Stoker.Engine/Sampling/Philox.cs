namespace Stoker.Engine.Sampling;

/// <summary>
/// Random numbers as a function of (seed, choice, position): Philox4x32-10 of Salmon, Moraes, Dror and Shaw, 2011.
/// </summary>
/// <remarks>
/// Counter-based, so nothing is shared and nothing advances: what a position draws does not depend on neighbours,
/// preemption or rejected drafts, and a sequence that is continued elsewhere from its text draws on unchanged.
/// </remarks>
internal static class Philox
{
    /// <summary>
    /// Uniform in [0, 1), 53 bits. <paramref name="position"/> is that of the token drawn, the prompt's tokens counted.
    /// </summary>
    public static double Uniform(long seed, int choice, int position)
    {
        var (a, b, _, _) = Block((uint)position, (uint)choice, 0, 0, (uint)seed, (uint)(seed >> 32));
        return ((((ulong)a << 32) | b) >> 11) * (1.0 / (1UL << 53));
    }

    public static (uint, uint, uint, uint) Block(uint c0, uint c1, uint c2, uint c3, uint key0, uint key1)
    {
        for (var round = 0; round < 10; round++)
        {
            var left = 0xD2511F53UL * c0;
            var right = 0xCD9E8D57UL * c2;
            (c0, c1, c2, c3) = ((uint)(right >> 32) ^ c1 ^ key0, (uint)right, (uint)(left >> 32) ^ c3 ^ key1, (uint)left);
            key0 += 0x9E3779B9;
            key1 += 0xBB67AE85;
        }
        return (c0, c1, c2, c3);
    }
}
