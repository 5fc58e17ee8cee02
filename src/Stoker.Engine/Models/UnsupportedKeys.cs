namespace Stoker.Engine.Models;

/// <summary>
/// Config keys that would change the numbers of these architectures and that the graph does not compute.
/// </summary>
/// <remarks>
/// Second line of defence behind the tensors: every tensor of a checkpoint must have a place in the graph, so what adds
/// weights is caught there. Here stand the keys that change results without adding a tensor. Unknown keys are let pass:
/// configs carry dozens that only concern training.
/// </remarks>
internal static class UnsupportedKeys
{
    /// <summary>Must be absent or unused in every architecture.</summary>
    private static readonly string[] Everywhere =
    [
        "compression_config", "is_encoder_decoder", "add_cross_attention", "pruned_heads",
        "logit_scale", "logits_scaling", "embedding_multiplier", "residual_multiplier", "attention_multiplier",
        "lm_head_multiplier", "key_multiplier", "scale_emb", "scale_depth", "dim_model_base", "clip_qkv", "qk_layernorm",
        "use_qk_norm", "use_bidirectional_attention", "attention_chunk_size", "no_rope_layers", "rope_local_base_freq",
        "attention_sinks", "shared_experts", "n_shared_experts", "text_config", "vision_config", "dual_chunk_attention_config",
    ];

    /// <summary>Key to the architectures that do honour it.</summary>
    private static readonly Dictionary<string, string[]> OnlyIn = new(StringComparer.Ordinal)
    {
        ["attention_bias"] = ["LlamaForCausalLM", "Qwen3ForCausalLM", "Gemma2ForCausalLM"],
        ["mlp_bias"] = ["LlamaForCausalLM"],
        ["attn_logit_softcapping"] = ["Gemma2ForCausalLM"],
        ["final_logit_softcapping"] = ["Gemma2ForCausalLM"],
        ["query_pre_attn_scalar"] = ["Gemma2ForCausalLM"],
        ["num_local_experts"] = ["MixtralForCausalLM"],
        ["num_experts"] = ["MixtralForCausalLM"],
        ["sliding_window"] =
        [
            "MistralForCausalLM", "Qwen2ForCausalLM", "Qwen3ForCausalLM", "MixtralForCausalLM", "Gemma2ForCausalLM",
            "Phi3ForCausalLM",
        ],
    };

    /// <exception cref="ModelLoadException">Names the first such key that is in use.</exception>
    public static void Refuse(ConfigObject config, string architecture)
    {
        foreach (var key in Everywhere)
        {
            Require(config.IsUnused(key), key);
        }

        foreach (var (key, architectures) in OnlyIn)
        {
            Require(architectures.Contains(architecture) || config.IsUnused(key), key);
        }

        void Require(bool holds, string key)
        {
            if (!holds)
            {
                throw config.Fail(key, $"is not supported for {architecture} and would change its results");
            }
        }
    }
}
