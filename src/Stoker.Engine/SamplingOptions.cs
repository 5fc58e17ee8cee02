namespace Stoker.Engine;

/// <summary>What a caller says about sampling. Null means "not said": the value comes from the deployment, then from the model's
/// <c>generation_config.json</c>, then from <see cref="ApiDefaults"/>.</summary>
public sealed record SamplingOptions
{
    /// <summary>Nothing said.</summary>
    public static readonly SamplingOptions Unset = new();

    /// <summary>The last resort: the model's own distribution, unchanged.</summary>
    public static readonly SamplingOptions ApiDefaults = new()
    {
        Temperature = 1,
        TopP = 1,
        TopK = 0,
        MinP = 0,
        RepetitionPenalty = 1,
        PresencePenalty = 0,
        FrequencyPenalty = 0,
    };

    /// <summary>0 to 2; 0 takes the most likely token, the lowest id on ties.</summary>
    public double? Temperature { get; init; }

    /// <summary>Above 0 up to 1: the fewest most likely tokens whose probabilities reach this sum.</summary>
    public double? TopP { get; init; }

    /// <summary>The k most likely tokens; 0 is off.</summary>
    public int? TopK { get; init; }

    /// <summary>0 to 1: tokens at least this share of the most likely one's probability.</summary>
    public double? MinP { get; init; }

    /// <summary>
    /// Above 0 up to 2, over the tokens of prompt and output: positive logits are divided by it, others multiplied.
    /// </summary>
    public double? RepetitionPenalty { get; init; }

    /// <summary>-2 to 2, subtracted once from the logit of each token that the output has.</summary>
    public double? PresencePenalty { get; init; }

    /// <summary>-2 to 2, subtracted for each time that the output has the token.</summary>
    public double? FrequencyPenalty { get; init; }

    /// <summary>Token id to a value of -100 to 100 that is added to its logit, after the penalties.</summary>
    public IReadOnlyDictionary<int, double>? LogitBias { get; init; }

    /// <summary>
    /// Makes the answer repeatable; without it each request draws its own, see <see cref="Generation.Seed"/>.
    /// </summary>
    public long? Seed { get; init; }

    /// <summary>This where it says something, else <paramref name="lower"/>.</summary>
    public SamplingOptions Over(SamplingOptions lower) => new()
    {
        Temperature = Temperature ?? lower.Temperature,
        TopP = TopP ?? lower.TopP,
        TopK = TopK ?? lower.TopK,
        MinP = MinP ?? lower.MinP,
        RepetitionPenalty = RepetitionPenalty ?? lower.RepetitionPenalty,
        PresencePenalty = PresencePenalty ?? lower.PresencePenalty,
        FrequencyPenalty = FrequencyPenalty ?? lower.FrequencyPenalty,
        LogitBias = LogitBias ?? lower.LogitBias,
        Seed = Seed ?? lower.Seed,
    };
}
