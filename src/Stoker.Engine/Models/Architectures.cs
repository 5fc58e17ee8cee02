using System.Collections.Frozen;
using Stoker.Engine.Models.Quantized;

namespace Stoker.Engine.Models;

/// <summary>
/// The architectures that the engine computes: name in config.json to the switches of the one decoder graph.
/// </summary>
/// <remarks>
/// Defaults are those of the architectures' published configuration classes, since a key that equals its default may be
/// left out of the file.
/// </remarks>
internal static class Architectures
{
    private static readonly FrozenDictionary<string, Func<ConfigObject, DecoderSpec>> Readers =
        new Dictionary<string, Func<ConfigObject, DecoderSpec>>
        {
            ["LlamaForCausalLM"] = Llama,
            ["MistralForCausalLM"] = Mistral,
            ["Qwen2ForCausalLM"] = Qwen2,
            ["Qwen3ForCausalLM"] = Qwen3,
            ["MixtralForCausalLM"] = Mixtral,
            ["Gemma2ForCausalLM"] = Gemma2,
            ["Phi3ForCausalLM"] = Phi3,
        }.ToFrozenDictionary(StringComparer.Ordinal);

    public static IEnumerable<string> Known => Readers.Keys.Order(StringComparer.Ordinal);

    /// <summary>The first entry of <c>architectures</c>.</summary>
    /// <exception cref="ModelLoadException">The key is missing.</exception>
    public static string NameOf(ConfigObject config) =>
        config.Texts("architectures") is [var name, ..]
            ? name
            : throw config.Fail("architectures", $"is missing; known: {string.Join(", ", Known)}");

    /// <exception cref="ModelLoadException">Unknown architecture, or a key whose value the graph does not
    /// compute.</exception>
    public static DecoderSpec Read(ConfigObject config)
    {
        var name = NameOf(config);
        if (!Readers.TryGetValue(name, out var reader))
        {
            throw config.Fail("architectures", $"'{name}' is not supported; known: {string.Join(", ", Known)}");
        }

        UnsupportedKeys.Refuse(config, name);
        return reader(config) with { Quantization = QuantizationReader.Read(config) };
    }

    private static DecoderSpec Llama(ConfigObject config)
    {
        var bias = config.Flag("attention_bias", absent: false);
        return new SpecReader(config).Read() with
        {
            QkvBias = bias,
            OutputBias = bias,
            MlpBias = config.Flag("mlp_bias", absent: false),
        };
    }

    private static DecoderSpec Mistral(ConfigObject config) =>
        new SpecReader(config) { Window = WindowOrDefault(config, 4096) }.Read();

    private static DecoderSpec Qwen2(ConfigObject config) => QwenWindows(config).Read() with { QkvBias = true };

    private static DecoderSpec Qwen3(ConfigObject config)
    {
        var bias = config.Flag("attention_bias", absent: false);
        return (QwenWindows(config) with { DefaultHeadDim = 128 }).Read() with
        {
            QkvBias = bias,
            OutputBias = bias,
            QkNorm = true,
        };
    }

    private static DecoderSpec Mixtral(ConfigObject config)
    {
        var experts = config.OptionalInteger("num_local_experts", 1, DecoderLimits.MaxExperts)
            ?? config.OptionalInteger("num_experts", 1, DecoderLimits.MaxExperts) ?? 8;
        return new SpecReader(config)
        {
            DefaultEpsilon = 1e-5,
            DefaultTheta = 1e6,
            Window = WindowOrDefault(config, 0),
        }.Read() with
        {
            Experts = new ExpertSpec(experts, config.OptionalInteger("num_experts_per_tok", 1, experts) ?? Math.Min(2, experts)),
        };
    }

    private static DecoderSpec Gemma2(ConfigObject config)
    {
        var bias = config.Flag("attention_bias", absent: false);
        return new SpecReader(config)
        {
            DefaultHeadDim = 256,
            DefaultTied = true,
            ActivationKey = "hidden_activation",
            Window = WindowOrDefault(config, 4096),
            Slides = layer => layer % 2 == 0,
        }.Read() with
        {
            Gemma = true,
            QkvBias = bias,
            OutputBias = bias,
            AttentionFactor = Math.Pow(config.OptionalNumber("query_pre_attn_scalar", 1e-3, 1e6) ?? 256, -0.5),
            AttentionSoftCap = CapOrDefault(config, "attn_logit_softcapping", 50),
            FinalSoftCap = CapOrDefault(config, "final_logit_softcapping", 30),
        };
    }

    private static DecoderSpec Phi3(ConfigObject config) => new SpecReader(config)
    {
        DefaultEpsilon = 1e-5,
        PartialRotary = true,
        Window = WindowOrDefault(config, 0),
        RopeAliases = new Dictionary<string, string> { ["su"] = "longrope", ["yarn"] = "longrope" },
    }.Read() with
    {
        FusedProjections = true,
    };

    /// <summary>Qwen writes a window even when it is off; when on, the layers from max_window_layers slide.</summary>
    private static SpecReader QwenWindows(ConfigObject config)
    {
        if (!config.Flag("use_sliding_window", absent: false))
        {
            return new SpecReader(config);
        }

        var firstSliding = config.OptionalInteger("max_window_layers", 0, DecoderLimits.MaxLayers) ?? 28;
        return new SpecReader(config)
        {
            Window = WindowOrDefault(config, 4096),
            Slides = layer => layer >= firstSliding,
        };
    }

    /// <summary>0 when the key is there and null: no window.</summary>
    private static int WindowOrDefault(ConfigObject config, int absent) =>
        config.IsNull("sliding_window") ? 0 : config.OptionalInteger("sliding_window", 1, DecoderLimits.MaxPositions) ?? absent;

    private static double CapOrDefault(ConfigObject config, string key, double absent) =>
        config.IsNull(key) ? 0 : config.OptionalNumber(key, 1e-3, 1e6) ?? absent;
}
