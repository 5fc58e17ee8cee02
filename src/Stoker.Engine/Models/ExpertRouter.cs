namespace Stoker.Engine.Models;

/// <summary>Mixtral's choice: softmax over all router logits, the best few, their shares scaled to sum 1.</summary>
internal static class ExpertRouter
{
    /// <param name="logits">[experts]; overwritten.</param>
    /// <param name="shares">[experts]: the share of each chosen expert, 0 for the others.</param>
    public static void Choose(Span<float> logits, int perToken, Span<float> shares)
    {
        shares.Clear();
        Span<int> chosen = stackalloc int[perToken];
        var highest = float.NegativeInfinity;
        for (var i = 0; i < perToken; i++)
        {
            chosen[i] = Best(logits, shares);
            highest = Math.Max(highest, logits[chosen[i]]);
            shares[chosen[i]] = 1; // taken
        }

        // The softmax's denominator over all experts cancels in the scaling to sum 1.
        var total = 0f;
        foreach (var expert in chosen)
        {
            shares[expert] = MathF.Exp(logits[expert] - highest);
            total += shares[expert];
        }

        foreach (var expert in chosen)
        {
            shares[expert] /= total;
        }
    }

    /// <summary>The highest that is not taken; of equals the first.</summary>
    private static int Best(ReadOnlySpan<float> logits, ReadOnlySpan<float> taken)
    {
        var best = -1;
        for (var expert = 0; expert < logits.Length; expert++)
        {
            if (taken[expert] == 0 && (best < 0 || logits[expert] > logits[best]))
            {
                best = expert;
            }
        }

        return best;
    }
}
