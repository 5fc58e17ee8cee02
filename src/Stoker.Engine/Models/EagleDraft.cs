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
    private const string Prefix = "layers.0.";

    /// <summary>
    /// Published heads often keep the target's architecture name; the tensor <c>fc</c> gives them away.
    /// </summary>
    public static bool IsOne(ConfigObject config, Checkpoint checkpoint) =>
        Architectures.NameOf(config).Contains("Eagle", StringComparison.OrdinalIgnoreCase) || checkpoint.Contains("fc.weight");

    /// <exception cref="ModelLoadException">Another kind of head, or tensors that do not fit it.</exception>
    public static ModelDescription Describe(ConfigObject config, Checkpoint checkpoint)
    {
        var name = Architectures.NameOf(config);
        if (name.EndsWith('3') || config.Has("draft_vocab_size") || config.Has("eagle_config"))
        {
            throw config.Fail("architectures", $"'{name}' is an EAGLE-3 head; EAGLE-1 and EAGLE-2 heads are supported");
        }

        UnsupportedKeys.Refuse(config, "LlamaForCausalLM");
        if (!config.IsUnused("quantization_config"))
        {
            throw config.Fail("quantization_config", "is not supported for an EAGLE head: heads are read in 16 or 32 bits");
        }

        var spec = new SpecReader(config).Read();
        if (spec.Layers.Count != 1)
        {
            throw config.Fail("num_hidden_layers", $"is {spec.Layers.Count}, an EAGLE head has 1");
        }

        ClaimTensors(config, spec, checkpoint);
        return new ModelDescription
        {
            Kind = ModelKind.EagleDraft,
            Architecture = name,
            ModelType = config.Text("model_type"),
            ParameterCount = checkpoint.ParameterCount,
            WeightBytes = checkpoint.SizeBytes,
            StoredType = ModelFolder.StoredType(checkpoint),
            ContextLength = spec.ContextLength,
            MaxContextLength = spec.MaxContextLength,
            HiddenSize = spec.HiddenSize,
            VocabularySize = spec.VocabularySize,
        };
    }

    private static void ClaimTensors(ConfigObject config, DecoderSpec spec, Checkpoint checkpoint)
    {
        var (hidden, inner) = (spec.HiddenSize, spec.IntermediateSize);
        var (queries, keys) = (spec.Heads * spec.HeadDim, spec.KvHeads * spec.HeadDim);
        checkpoint.Matrix("fc.weight", hidden, 2 * hidden);
        if (config.Flag("bias", absent: checkpoint.Contains("fc.bias")))
        {
            checkpoint.Vector("fc.bias", hidden);
        }

        checkpoint.Matrix(Prefix + "self_attn.q_proj.weight", queries, hidden);
        checkpoint.Matrix(Prefix + "self_attn.k_proj.weight", keys, hidden);
        checkpoint.Matrix(Prefix + "self_attn.v_proj.weight", keys, hidden);
        checkpoint.Matrix(Prefix + "self_attn.o_proj.weight", hidden, queries);
        checkpoint.Vector(Prefix + "post_attention_layernorm.weight", hidden);
        checkpoint.Matrix(Prefix + "mlp.gate_proj.weight", inner, hidden);
        checkpoint.Matrix(Prefix + "mlp.up_proj.weight", inner, hidden);
        checkpoint.Matrix(Prefix + "mlp.down_proj.weight", hidden, inner);
        checkpoint.Ignore(Prefix + "self_attn.rotary_emb.inv_freq");
        if (checkpoint.Contains("embed_tokens.weight"))
        {
            checkpoint.Matrix("embed_tokens.weight", spec.VocabularySize, hidden);
        }

        checkpoint.RefuseUnclaimed("an EAGLE head");
    }
}
