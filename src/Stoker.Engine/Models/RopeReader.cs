namespace Stoker.Engine.Models;

/// <summary>
/// Brings the spellings of rope in config.json to one form: parameters for full and for sliding layers.
/// </summary>
/// <remarks>
/// Old form: rope_theta beside rope_scaling {"rope_type" or "type", ...}. New form: one rope_parameters object, which
/// may hold one object per layer type. An unknown type or key is refused: each of them changes the angles.
/// </remarks>
internal static class RopeReader
{
    private const string Full = "full_attention";
    private const string Sliding = "sliding_attention";

    private static readonly string[] CommonKeys = ["rope_type", "type", "rope_theta", "partial_rotary_factor"];

    private static readonly Dictionary<string, (RopeType Type, string[] Keys)> Types = new(StringComparer.Ordinal)
    {
        ["default"] = (RopeType.Default, []),
        ["linear"] = (RopeType.Linear, ["factor"]),
        ["dynamic"] = (RopeType.Dynamic, ["factor", "original_max_position_embeddings"]),
        ["llama3"] = (RopeType.Llama3,
            ["factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings"]),
        ["yarn"] = (RopeType.Yarn,
            ["factor", "original_max_position_embeddings", "attention_factor", "beta_fast", "beta_slow", "mscale",
                "mscale_all_dim", "truncate"]),
        ["longrope"] = (RopeType.LongRope,
            ["factor", "original_max_position_embeddings", "attention_factor", "short_factor", "long_factor"]),
    };

    /// <summary>Index 0: full layers; index 1: sliding layers, when they differ.</summary>
    /// <param name="defaultTheta">What the architecture means when rope_theta is absent.</param>
    /// <param name="aliases">Old names of rope types in this architecture.</param>
    public static IReadOnlyList<RopeParameters> Read(
        ConfigObject config, double defaultTheta, IReadOnlyDictionary<string, string> aliases)
    {
        var (scaling, parameters) = (config.Object("rope_scaling"), config.Object("rope_parameters"));
        if (scaling is not null && parameters is not null)
        {
            throw config.Fail("rope_scaling", "stands beside rope_parameters; only one of them may be there");
        }

        var theta = config.OptionalNumber("rope_theta", 1.0001, 1e12) ?? defaultTheta;
        if (parameters?.Keys.Any() == true && parameters.Keys.All(key => key is Full or Sliding))
        {
            return [ReadOne(config, Layer(Full), theta, aliases), ReadOne(config, Layer(Sliding), theta, aliases)];
        }

        return [ReadOne(config, parameters ?? scaling, theta, aliases)];

        ConfigObject Layer(string type) => parameters.Object(type) ?? throw parameters.Fail(type, "is missing");
    }

    /// <summary>partial_rotary_factor, at the top or inside of the rope object; 1 when absent.</summary>
    public static double PartialRotaryFactor(ConfigObject config) =>
        config.OptionalNumber("partial_rotary_factor", 0.01, 1)
        ?? config.Object("rope_parameters")?.OptionalNumber("partial_rotary_factor", 0.01, 1)
        ?? config.Object("rope_scaling")?.OptionalNumber("partial_rotary_factor", 0.01, 1)
        ?? 1;

    private static RopeParameters ReadOne(
        ConfigObject config, ConfigObject? rope, double theta, IReadOnlyDictionary<string, string> aliases)
    {
        var maxPositions = config.Integer("max_position_embeddings", 1, DecoderLimits.MaxPositions);
        if (rope is null)
        {
            return new RopeParameters { Theta = theta, MaxPositions = maxPositions };
        }

        var name = rope.Text("rope_type") ?? rope.Text("type") ?? "default";
        name = aliases.GetValueOrDefault(name, name);
        if (!Types.TryGetValue(name, out var type))
        {
            throw rope.Fail("rope_type", $"'{name}' is not supported; known types: {string.Join(", ", Types.Keys)}");
        }

        if (rope.Keys.FirstOrDefault(key => rope.Has(key) && !CommonKeys.Contains(key) && !type.Keys.Contains(key)) is { } unknown)
        {
            throw rope.Fail(unknown, $"is not supported with rope type {name}");
        }

        return Checked(rope, new RopeParameters
        {
            Type = type.Type,
            Theta = rope.OptionalNumber("rope_theta", 1.0001, 1e12) ?? theta,
            MaxPositions = maxPositions,
            OriginalContext = OriginalContext(config, rope, maxPositions),
            Factor = Factor(config, rope, type.Type, maxPositions),
            LowFrequencyFactor = type.Type == RopeType.Llama3 ? rope.Number("low_freq_factor", 1e-3, 1e6) : 1,
            HighFrequencyFactor = type.Type == RopeType.Llama3 ? rope.Number("high_freq_factor", 1e-3, 1e6) : 4,
            BetaFast = rope.OptionalNumber("beta_fast", 1e-3, 1e6) ?? 32,
            BetaSlow = rope.OptionalNumber("beta_slow", 1e-3, 1e6) ?? 1,
            Truncate = rope.Flag("truncate", absent: true),
            AttentionFactor = rope.OptionalNumber("attention_factor", 1e-3, 1e3),
            MScale = rope.OptionalNumber("mscale", 0, 1e3),
            MScaleAllDim = rope.OptionalNumber("mscale_all_dim", 0, 1e3),
            ShortFactors = rope.Numbers("short_factor", 1e-3, 1e6) ?? [],
            LongFactors = rope.Numbers("long_factor", 1e-3, 1e6) ?? [],
        });
    }

    /// <summary>The value at the top of the config wins over the one inside (Phi-3 writes both).</summary>
    private static int OriginalContext(ConfigObject config, ConfigObject rope, int maxPositions) =>
        config.OptionalInteger("original_max_position_embeddings", 1, DecoderLimits.MaxPositions)
        ?? rope.OptionalInteger("original_max_position_embeddings", 1, DecoderLimits.MaxPositions)
        ?? maxPositions;

    private static double Factor(ConfigObject config, ConfigObject rope, RopeType type, int maxPositions) =>
        rope.OptionalNumber("factor", 1e-3, 1e6) ?? type switch
        {
            RopeType.Default => 1,
            RopeType.Yarn or RopeType.LongRope => (double)maxPositions / OriginalContext(config, rope, maxPositions),
            _ => throw rope.Fail("factor", "is missing"),
        };

    private static RopeParameters Checked(ConfigObject rope, RopeParameters parameters)
    {
        if (parameters is { Type: RopeType.Llama3 } && parameters.HighFrequencyFactor <= parameters.LowFrequencyFactor)
        {
            throw rope.Fail("high_freq_factor", "must be larger than low_freq_factor");
        }

        if (parameters.Type == RopeType.Dynamic && parameters.OriginalContext != parameters.MaxPositions)
        {
            throw rope.Fail("original_max_position_embeddings", "differs from max_position_embeddings, which dynamic rope counts from");
        }

        return parameters;
    }
}
