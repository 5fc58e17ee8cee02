namespace Stoker.Engine.Models;

/// <summary>Reads the keys that all decoders share; an architecture sets its own defaults first.</summary>
internal sealed record SpecReader(ConfigObject Config)
{
    public double DefaultEpsilon { get; init; } = 1e-6;

    public double DefaultTheta { get; init; } = 10_000;

    /// <summary>Null: hidden size / heads.</summary>
    public int? DefaultHeadDim { get; init; }

    public bool DefaultTied { get; init; }

    public string ActivationKey { get; init; } = "hidden_act";

    /// <summary>The architecture honours partial_rotary_factor.</summary>
    public bool PartialRotary { get; init; }

    /// <summary>0: no layer slides.</summary>
    public int Window { get; init; }

    /// <summary>Which layers slide when layer_types does not say so.</summary>
    public Func<int, bool> Slides { get; init; } = _ => true;

    public IReadOnlyDictionary<string, string> RopeAliases { get; init; } =
        new Dictionary<string, string> { ["su"] = "longrope" };

    /// <exception cref="ModelLoadException">A key is missing, out of range, or contradicts another.</exception>
    public DecoderSpec Read()
    {
        var hidden = Config.Integer("hidden_size", 1, DecoderLimits.MaxHidden);
        var heads = Config.Integer("num_attention_heads", 1, DecoderLimits.MaxHeads);
        var headDim = HeadDim(hidden, heads);
        var ropes = RopeReader.Read(Config, DefaultTheta, RopeAliases);
        var rotated = RotatedDims(headDim);
        CheckLongRope(ropes, rotated);
        return new DecoderSpec
        {
            Architecture = Architectures.NameOf(Config),
            HiddenSize = hidden,
            IntermediateSize = Config.Integer("intermediate_size", 1, DecoderLimits.MaxIntermediate),
            VocabularySize = Config.Integer("vocab_size", 1, DecoderLimits.MaxVocabulary),
            Heads = heads,
            KvHeads = KvHeads(heads),
            HeadDim = headDim,
            RotatedDims = rotated,
            NormEpsilon = (float)(Config.OptionalNumber("rms_norm_eps", 0, 1) ?? DefaultEpsilon),
            Activation = ReadActivation(),
            Layers = ReadLayers(ropes.Count),
            Ropes = ropes,
            ContextLength = ContextLength(ropes[0]),
            MaxContextLength = MaxContextLength(ropes[0]),
            TiedHead = Config.Flag("tie_word_embeddings", absent: DefaultTied),
            AttentionFactor = Math.Pow(headDim, -0.5),
        };
    }

    private int HeadDim(int hidden, int heads)
    {
        var headDim = Config.OptionalInteger("head_dim", 2, DecoderLimits.MaxHeadDim) ?? DefaultHeadDim;
        if (headDim is null && hidden % heads != 0)
        {
            throw Config.Fail("head_dim", $"is missing, and hidden_size {hidden} is no multiple of num_attention_heads {heads}");
        }

        return headDim ?? (hidden / heads <= DecoderLimits.MaxHeadDim
            ? hidden / heads
            : throw Config.Fail(
                "head_dim",
                $"is missing, and hidden_size {hidden} / num_attention_heads {heads} is {hidden / heads}: at most {DecoderLimits.MaxHeadDim} is supported"));
    }

    private int KvHeads(int heads)
    {
        var kvHeads = Config.OptionalInteger("num_key_value_heads", 1, heads) ?? heads;
        return heads % kvHeads == 0
            ? kvHeads
            : throw Config.Fail("num_key_value_heads", $"is {kvHeads}, which does not divide num_attention_heads {heads}");
    }

    private int RotatedDims(int headDim)
    {
        var partial = RopeReader.PartialRotaryFactor(Config);
        if (partial < 1 && !PartialRotary)
        {
            throw Config.Fail("partial_rotary_factor", $"is {partial}; this architecture rotates whole heads");
        }

        var rotated = (int)(headDim * partial);
        return rotated >= 2 && rotated % 2 == 0
            ? rotated
            : throw Config.Fail("head_dim", $"{headDim} gives {rotated} rotated dimensions, an even number from 2 is needed");
    }

    private void CheckLongRope(IEnumerable<RopeParameters> ropes, int rotatedDims)
    {
        foreach (var rope in ropes.Where(rope => rope.Type == RopeType.LongRope))
        {
            if (rope.ShortFactors.Count != rotatedDims / 2 || rope.LongFactors.Count != rotatedDims / 2)
            {
                throw Config.Fail("rope_scaling", $"short_factor and long_factor need {rotatedDims / 2} entries each");
            }
        }
    }

    private Activation ReadActivation() => (Config.Text(ActivationKey) ?? Config.Text("hidden_act")) switch
    {
        "silu" or "swish" => Activation.Silu,
        "gelu_pytorch_tanh" => Activation.GeluTanh,
        null => ActivationKey == "hidden_act" ? Activation.Silu : Activation.GeluTanh,
        var other => throw Config.Fail(ActivationKey, $"'{other}' is not supported; known: silu, gelu_pytorch_tanh"),
    };

    private LayerSpec[] ReadLayers(int ropeCount)
    {
        var count = Config.Integer("num_hidden_layers", 1, DecoderLimits.MaxLayers);
        var types = Config.Texts("layer_types");
        if (types is not null && types.Count != count)
        {
            throw Config.Fail("layer_types", $"has {types.Count} entries for {count} layers");
        }

        return [.. Enumerable.Range(0, count).Select(layer =>
        {
            var slides = types is null ? Window > 0 && Slides(layer) : IsSliding(types[layer]);
            return new LayerSpec(slides ? Window : 0, slides ? ropeCount - 1 : 0);
        })];
    }

    private bool IsSliding(string type) => type switch
    {
        "full_attention" => false,
        "sliding_attention" when Window > 0 => true,
        "sliding_attention" => throw Config.Fail("layer_types", "has sliding layers, but no sliding_window is in use"),
        _ => throw Config.Fail("layer_types", $"'{type}' is not supported; known: full_attention, sliding_attention"),
    };

    /// <summary>
    /// yarn counts from the original context (recipes leave max_position_embeddings alone); the others state what they
    /// reach.
    /// </summary>
    private static int ContextLength(RopeParameters rope) =>
        rope.Type == RopeType.Yarn ? MaxContextLength(rope) : rope.MaxPositions;

    /// <summary>
    /// Whether linear and dynamic configs state positions before or after scaling differs: more is allowed, and not the
    /// default.
    /// </summary>
    private static int MaxContextLength(RopeParameters rope)
    {
        var positions = rope.Type switch
        {
            RopeType.Linear or RopeType.Dynamic => rope.MaxPositions * Math.Max(1, rope.Factor),
            RopeType.Yarn => Math.Max(rope.MaxPositions, rope.OriginalContext * rope.Factor),
            _ => rope.MaxPositions,
        };
        return (int)Math.Min(positions, DecoderLimits.MaxPositions);
    }
}
