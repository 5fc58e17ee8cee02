namespace Stoker.Engine.Sampling;

/// <summary>
/// A request's sampling with every value decided. Only <see cref="From"/> makes one, so its rules hold wherever one is
/// used.
/// </summary>
internal sealed record SamplingSettings
{
    private SamplingSettings(SamplingOptions options, long seed)
    {
        (Temperature, TopP, TopK, MinP) = (options.Temperature!.Value, options.TopP!.Value, options.TopK!.Value, options.MinP!.Value);
        RepetitionPenalty = options.RepetitionPenalty!.Value;
        (PresencePenalty, FrequencyPenalty) = (options.PresencePenalty!.Value, options.FrequencyPenalty!.Value);
        // In id order, so that the result does not depend on a dictionary's.
        LogitBias = options.LogitBias is { } bias ? [.. bias.OrderBy(entry => entry.Key)] : [];
        Seed = seed;
    }

    public double Temperature { get; }

    public double TopP { get; }

    public int TopK { get; }

    public double MinP { get; }

    public double RepetitionPenalty { get; }

    public double PresencePenalty { get; }

    public double FrequencyPenalty { get; }

    public KeyValuePair<int, double>[] LogitBias { get; }

    public long Seed { get; }

    public bool HasPenalties => RepetitionPenalty != 1 || PresencePenalty != 0 || FrequencyPenalty != 0;

    /// <exception cref="RequestRefusedException">A value is outside its range; which, and what is allowed.</exception>
    public static SamplingSettings From(SamplingOptions options, int vocabularySize, Func<long> drawSeed)
    {
        Require("temperature", options.Temperature!.Value, 0, 2);
        Require("top_p", options.TopP!.Value, 0, 1, aboveLow: true);
        Require("top_k", options.TopK!.Value, 0, int.MaxValue);
        Require("min_p", options.MinP!.Value, 0, 1);
        Require("repetition_penalty", options.RepetitionPenalty!.Value, 0, 2, aboveLow: true);
        Require("presence_penalty", options.PresencePenalty!.Value, -2, 2);
        Require("frequency_penalty", options.FrequencyPenalty!.Value, -2, 2);
        foreach (var (id, bias) in options.LogitBias ?? new Dictionary<int, double>())
        {
            if ((uint)id >= (uint)vocabularySize)
            {
                throw Refused("logit_bias", $"logit_bias names the token id {id}; ids of this model are 0 to {vocabularySize - 1}");
            }
            Require("logit_bias", bias, -100, 100);
        }
        return new(options, options.Seed ?? drawSeed());
    }

    private static void Require(string name, double value, double low, double high, bool aboveLow = false)
    {
        if (value <= high && (aboveLow ? value > low : value >= low)) return; // false for NaN too
        var range = high == int.MaxValue ? "at least 0" : aboveLow ? $"above {low} and at most {high}" : $"from {low} to {high}";
        throw Refused(name, FormattableString.Invariant($"{name} must be {range}, was {value}"));
    }

    private static RequestRefusedException Refused(string name, string message) =>
        new(RefusalKind.Invalid, name, message);
}
