using Stoker.Engine.Weights;

namespace Stoker.Engine.Models;

/// <summary>The files of an EAGLE-1 (and EAGLE-2, which has the same weights) draft head.</summary>
/// <remarks>
/// One Llama layer without its input norm behind <c>fc</c> [H, 2H], which joins the embedding of a token with the
/// target's final hidden state. No final norm and no output matrix: those are the target's, and mostly the embedding is
/// too.
/// </remarks>
internal static class EagleDraft
{
    /// <summary>The packed matrix that joins a token's embedding and a state.</summary>
    public const string Join = "join";

    private const string Prefix = "layers.0.";

    /// <summary>
    /// Published heads often keep the target's architecture name; the tensor <c>fc</c> gives them away.
    /// </summary>
    public static bool IsOne(ConfigObject config, Checkpoint checkpoint) =>
        Architectures.NameOf(config).Contains("Eagle", StringComparison.OrdinalIgnoreCase) || checkpoint.Contains("fc.weight");

    /// <exception cref="ModelLoadException">Another kind of head, or tensors that do not fit it.</exception>
    public static ModelDescription Describe(ConfigObject config, Checkpoint checkpoint)
    {
        var spec = ReadSpec(config);
        _ = Plan(config, spec, checkpoint, Precision.Auto); // shapes only: the checkpoint holds no bytes
        return new ModelDescription
        {
            Kind = ModelKind.EagleDraft,
            Architecture = spec.Architecture,
            ModelType = config.Text("model_type"),
            ParameterCount = checkpoint.ParameterCount,
            WeightBytes = checkpoint.SizeBytes,
            StoredType = ModelFolder.StoredType(checkpoint),
            ContextLength = spec.ContextLength,
            MaxContextLength = spec.MaxContextLength,
            KvBytesPerToken = ModelFolder.KvBytesPerToken(spec),
            HiddenSize = spec.HiddenSize,
            VocabularySize = spec.VocabularySize,
        };
    }

    /// <exception cref="ModelLoadException">Another kind of head, or keys that would change its numbers.</exception>
    public static DecoderSpec ReadSpec(ConfigObject config)
    {
        var name = Architectures.NameOf(config);
        if (name.EndsWith('3') || config.Has("draft_vocab_size") || config.Has("eagle_config"))
        {
            throw config.Fail("architectures", $"'{name}' is an EAGLE-3 head; EAGLE-1 and EAGLE-2 heads are supported");
        }

        UnsupportedKeys.Refuse(config, "an EAGLE head"); // by that name: the biases of a Llama layer are not computed here
        if (!config.IsUnused("quantization_config"))
        {
            throw config.Fail("quantization_config", "is not supported for an EAGLE head: heads are read in 16 or 32 bits");
        }

        var spec = new SpecReader(config).Read();
        return spec.Layers.Count == 1 ? spec : throw config.Fail("num_hidden_layers", $"is {spec.Layers.Count}, an EAGLE head has 1");
    }

    /// <summary>What a packed head holds; every tensor of the checkpoint has its place in it.</summary>
    /// <exception cref="ModelLoadException">A tensor is missing, has another shape or type, or has no place.</exception>
    public static PackPlan Plan(ConfigObject config, DecoderSpec spec, Checkpoint checkpoint, Precision precision)
    {
        var (hidden, inner) = (spec.HiddenSize, spec.IntermediateSize);
        var (queries, keys) = (spec.Heads * spec.HeadDim, spec.KvHeads * spec.HeadDim);
        var name = PackNames.Layer(0);
        List<PackItem> items =
        [
            Projection(Join, Source("fc.weight", hidden, 2 * hidden)),
            Projection(
                name + PackNames.Qkv,
                Source(Prefix + "self_attn.q_proj.weight", queries, hidden),
                Source(Prefix + "self_attn.k_proj.weight", keys, hidden),
                Source(Prefix + "self_attn.v_proj.weight", keys, hidden)),
            Projection(name + PackNames.Output, Source(Prefix + "self_attn.o_proj.weight", hidden, queries)),
            Vector(name + PackNames.MlpNorm, Prefix + "post_attention_layernorm.weight"),
            .. Gated(Source(Prefix + "mlp.gate_proj.weight", inner, hidden), Source(Prefix + "mlp.up_proj.weight", inner, hidden)),
            Projection(name + PackNames.Down, Source(Prefix + "mlp.down_proj.weight", hidden, inner)),
        ];
        if (HasJoinBias(config, checkpoint)) items.Add(Vector(PackNames.Bias(Join), "fc.bias"));
        if (checkpoint.Contains("embed_tokens.weight"))
        {
            PackSource[] table = [Source("embed_tokens.weight", spec.VocabularySize, hidden)];
            items.Add(Matrix(PackNames.Embedding, PackPrecision.Embedding(precision, table), table));
        }

        checkpoint.Ignore(Prefix + "self_attn.rotary_emb.inv_freq");
        checkpoint.RefuseUnclaimed("an EAGLE head");
        return new PackPlan(PackPrecision.NameOf(items[0].Format), items);

        PackSource Source(string tensor, int rows, int columns)
        {
            var matrix = checkpoint.Matrix(tensor, rows, columns);
            return new PackSource(checkpoint.FileOf(tensor), tensor, matrix);
        }

        PackItem Projection(string item, params PackSource[] sources) =>
            Matrix(item, PackPrecision.Projection(precision, sources), sources);

        PackItem[] Gated(PackSource gate, PackSource up)
        {
            var format = PackPrecision.Projection(precision, [gate, up]); // they are multiplied together
            return [Matrix(name + PackNames.Gate, format, [gate]), Matrix(name + PackNames.Up, format, [up])];
        }

        PackItem Vector(string item, string tensor) =>
            new() { Name = item, Format = WeightFormat.F32, Rows = 1, Columns = hidden, Vector = checkpoint.Vector(tensor, hidden) };
    }

    public static bool HasJoinBias(ConfigObject config, Checkpoint checkpoint) =>
        config.Flag("bias", absent: checkpoint.Contains("fc.bias"));

    private static PackItem Matrix(string name, WeightFormat format, PackSource[] sources) => new()
    {
        Name = name,
        Format = format,
        Rows = sources.Sum(source => source.Matrix.Rows),
        Columns = sources[0].Matrix.Columns,
        Sources = sources,
    };
}
