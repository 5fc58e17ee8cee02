namespace Stoker.Engine.Models;

internal enum RopeType
{
    Default, Linear, Dynamic, Llama3, Yarn, LongRope,
}

/// <summary>
/// How one kind of layer turns positions into angles; the normal form of all the spellings in config.json.
/// </summary>
internal sealed record RopeParameters
{
    public RopeType Type { get; init; }

    /// <summary>Base of the geometric series of frequencies.</summary>
    public double Theta { get; init; } = 10_000;

    public double Factor { get; init; } = 1;

    /// <summary>Positions that the model was pretrained on, before the scaling.</summary>
    public int OriginalContext { get; init; }

    /// <summary>max_position_embeddings as it stands in the config.</summary>
    public int MaxPositions { get; init; }

    public double LowFrequencyFactor { get; init; } = 1;

    public double HighFrequencyFactor { get; init; } = 4;

    public double BetaFast { get; init; } = 32;

    public double BetaSlow { get; init; } = 1;

    public bool Truncate { get; init; } = true;

    /// <summary>Multiplies cos and sin; null: computed by the rule of the type.</summary>
    public double? AttentionFactor { get; init; }

    public double? MScale { get; init; }

    public double? MScaleAllDim { get; init; }

    /// <summary>
    /// longrope: divisors of the frequencies for contexts up to <see cref="OriginalContext"/>, one per pair.
    /// </summary>
    public IReadOnlyList<double> ShortFactors { get; init; } = [];

    /// <summary>longrope: divisors beyond it.</summary>
    public IReadOnlyList<double> LongFactors { get; init; } = [];
}
