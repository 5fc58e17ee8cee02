using Stoker.Engine.Sampling;

namespace Stoker.Engine.Tests.Sampling;

/// <summary>The rules of <see cref="TokenSampler"/> after penalties, bias and masks, written down plainly: everything
/// sorted, one weight after the other in double.</summary>
internal static class PlainSampler
{
    /// <summary>The choice, and how near to another one it was as a share of all weights: rounding may tip what is nearer
    /// than 1e-9.</summary>
    public static (int Token, double Margin) Choose(float[] logits, SamplingSettings settings, int choice, int position)
    {
        var order = Enumerable.Range(0, logits.Length).Where(id => logits[id] > float.NegativeInfinity)
            .OrderByDescending(id => logits[id]).ThenBy(id => id).ToList();
        if (settings.Temperature == 0) return (order[0], 1);
        var highest = (double)logits[order[0]];
        double Weight(int id) => Math.Exp((logits[id] - highest) / settings.Temperature);

        var sorted = settings.TopK > 0 || settings.TopP < 1;
        var kept = settings.TopK > 0 ? order.Take(settings.TopK).ToList() : order;
        var margin = double.MaxValue;
        if (settings.TopP < 1)
        {
            var total = kept.Sum(Weight);
            var (count, sum) = (0, 0.0);
            while (count < kept.Count && (count == 0 || sum < settings.TopP * total))
            {
                sum += Weight(kept[count++]);
                margin = Math.Min(margin, Math.Abs(sum - (settings.TopP * total)) / total);
            }
            kept = [.. kept.Take(count)];
        }
        if (settings.MinP > 0)
        {
            margin = Math.Min(margin, kept.Min(id => Math.Abs(Weight(id) - settings.MinP)));
            kept = [.. kept.Where(id => Weight(id) >= settings.MinP)];
        }
        if (!sorted) kept.Sort(); // in id order
        var (whole, left) = (kept.Sum(Weight), Philox.Uniform(settings.Seed, choice, position));
        left *= whole;
        foreach (var id in kept)
        {
            margin = Math.Min(margin, Math.Abs(left - Weight(id)) / whole);
            if (left < Weight(id)) return (id, margin);
            left -= Weight(id);
        }
        return (kept[^1], 0);
    }
}
