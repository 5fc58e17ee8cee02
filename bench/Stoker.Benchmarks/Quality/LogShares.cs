namespace Stoker.Benchmarks.Quality;

/// <summary>A row of logits as natural logarithms of shares, in double precision and plainly.</summary>
/// <remarks>The engine's tests compile it too: what they assert is what the bench prints.</remarks>
internal static class LogShares
{
    /// <summary>What is taken off a logit to give its share's logarithm.</summary>
    public static double Total(ReadOnlySpan<float> logits)
    {
        var (highest, total) = (double.NegativeInfinity, 0.0);
        foreach (var logit in logits) highest = Math.Max(highest, logit);
        foreach (var logit in logits) total += Math.Exp(logit - highest);
        return highest + Math.Log(total);
    }

    /// <summary>Kullback-Leibler divergence of two rows of logits.</summary>
    public static double Divergence(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual)
    {
        var (first, second, result) = (Total(expected), Total(actual), 0.0);
        for (var i = 0; i < expected.Length; i++)
        {
            result += Math.Exp(expected[i] - first) * (expected[i] - first - (actual[i] - second));
        }

        return result;
    }
}
