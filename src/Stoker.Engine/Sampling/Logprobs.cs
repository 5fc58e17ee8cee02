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
        var highest = float.NegativeInfinity;
        foreach (var logit in logits)
        {
            if (logit > highest) highest = logit;
        }
        if (float.IsInfinity(highest)) return highest;
        var sum = 0.0;
        foreach (var logit in logits)
        {
            if (!float.IsNaN(logit)) sum += Math.Exp((double)logit - highest);
        }
        return highest + Math.Log(sum);
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
        scratch.Heap.Fill(logits, scratch.Logits);
        var top = new (int, double)[Math.Min(count, scratch.Heap.Count)];
        for (var index = 0; index < top.Length; index++)
        {
            var id = scratch.Heap.Take();
            top[index] = (id, Of(logits[id], logSumExp));
        }
        return top;
    }
}
