namespace Stoker.Engine.Sampling;

/// <summary>
/// Log-probabilities of a row of raw logits: the model's own distribution, before temperature, penalties, bias and
/// masks.
/// </summary>
internal static class Logprobs
{
    /// <summary>What stands for "never": JSON has no -inf.</summary>
    public const double Lowest = -9999;

    /// <summary>ln of the sum of exp of all logits; NaN counts as never.</summary>
    public static double LogSumExp(ReadOnlySpan<float> logits)
    {
        var highest = RowMath.Max(logits);
        return float.IsInfinity(highest) ? highest : highest + Math.Log(RowMath.TotalWeight(logits, highest, temperature: 1));
    }

    public static double Of(float logit, double logSumExp)
    {
        var value = logit - logSumExp;
        return value >= Lowest ? Math.Min(value, 0) : Lowest; // NaN too
    }

    /// <summary>The <paramref name="count"/> most likely ids and their values, lower id first on ties.</summary>
    public static (int Id, double Logprob)[] Top(ReadOnlySpan<float> logits, double logSumExp, int count, SamplingScratch scratch)
    {
        if (count == 0) return [];
        var top = new (int, double)[HighestTokens.Take(logits, count, scratch)];
        for (var index = 0; index < top.Length; index++)
        {
            var id = HighestTokens.Id(scratch.Keys[index]);
            top[index] = (id, Of(logits[id], logSumExp));
        }
        return top;
    }
}
