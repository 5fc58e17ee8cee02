using Stoker.Engine.Models;

namespace Stoker.Engine.Tests.Models;

/// <summary>config.json to the decoder's switches: spellings, defaults, and what is refused.</summary>
public class ArchitecturesTests
{
    private static readonly string[] Known =
    [
        "Gemma2ForCausalLM", "LlamaForCausalLM", "MistralForCausalLM", "MixtralForCausalLM", "Phi3ForCausalLM", "Qwen2ForCausalLM",
        "Qwen3ForCausalLM",
    ];

    [Fact]
    public void Unknown_architecture_is_refused_with_the_known_ones()
    {
        var error = Should.Throw<ModelLoadException>(() => TestConfig.Spec("MambaForCausalLM"));
        error.Message.ShouldBe($"config.json: architectures: 'MambaForCausalLM' is not supported; known: {string.Join(", ", Known)}");
        Should.Throw<ModelLoadException>(() => TestConfig.Spec("LlamaForCausalLM", ("architectures", null))).Item.ShouldBe("architectures");
    }

    [Theory]
    [InlineData("compression_config", """{"format": "pack-quantized"}""")]
    [InlineData("hidden_act", "\"relu\"")]
    [InlineData("attn_logit_softcapping", "50.0")]
    [InlineData("final_logit_softcapping", "30.0")]
    [InlineData("logit_scale", "0.5")]
    [InlineData("sliding_window", "128")]
    [InlineData("num_local_experts", "8")]
    [InlineData("partial_rotary_factor", "0.5")]
    [InlineData("rope_local_base_freq", "10000")]
    [InlineData("is_encoder_decoder", "true")]
    [InlineData("layer_types", """["chunked_attention", "full_attention", "full_attention", "full_attention"]""")]
    [InlineData("layer_types", """["sliding_attention", "full_attention", "full_attention", "full_attention"]""")]
    [InlineData("layer_types", """["full_attention"]""")]
    public void Keys_that_would_change_the_numbers_are_refused_by_name(string key, string json) =>
        Should.Throw<ModelLoadException>(() => TestConfig.Spec("LlamaForCausalLM", (key, json))).Item.ShouldBe(key);

    [Theory]
    [InlineData("MistralForCausalLM", "attention_bias")]
    [InlineData("Qwen2ForCausalLM", "mlp_bias")]
    [InlineData("Phi3ForCausalLM", "attention_bias")]
    public void Biases_that_an_architecture_does_not_have_are_refused(string architecture, string key)
    {
        Should.Throw<ModelLoadException>(() => TestConfig.Spec(architecture, (key, "true"))).Item.ShouldBe(key);
        TestConfig.Spec(architecture, (key, "false")).Architecture.ShouldBe(architecture);
    }

    [Theory]
    [InlineData("""{"rope_type": "mystery", "factor": 2}""", "rope_scaling.rope_type")]
    [InlineData("""{"type": "mrope", "mrope_section": [1, 2]}""", "rope_scaling.rope_type")]
    [InlineData("""{"rope_type": "linear"}""", "rope_scaling.factor")]
    [InlineData("""{"rope_type": "linear", "factor": 2, "short_mscale": 1.1}""", "rope_scaling.short_mscale")]
    [InlineData("""{"rope_type": "linear", "factor": 0}""", "rope_scaling.factor")]
    [InlineData("""{"rope_type": "llama3", "factor": 2, "low_freq_factor": 4, "high_freq_factor": 4}""", "rope_scaling.high_freq_factor")]
    [InlineData("""{"rope_type": "llama3", "factor": 2}""", "rope_scaling.low_freq_factor")]
    [InlineData("""{"rope_type": "longrope", "short_factor": [1], "long_factor": [1]}""", "rope_scaling")]
    [InlineData("""[1]""", "rope_scaling")]
    public void Rope_that_cannot_be_computed_is_refused_by_name(string rope, string item) =>
        Should.Throw<ModelLoadException>(() => TestConfig.Spec("LlamaForCausalLM", ("rope_scaling", rope))).Item.ShouldBe(item);

    [Theory]
    [InlineData("hidden_size", "0")]
    [InlineData("hidden_size", "1e12")]
    [InlineData("num_hidden_layers", "2147483647")]
    [InlineData("num_hidden_layers", "3.5")]
    [InlineData("num_attention_heads", "-4")]
    [InlineData("num_key_value_heads", "3")]
    [InlineData("head_dim", "7")]
    [InlineData("vocab_size", "1e30")]
    [InlineData("vocab_size", "\"100\"")]
    [InlineData("max_position_embeddings", "0")]
    [InlineData("rms_norm_eps", "-1")]
    [InlineData("tie_word_embeddings", "\"yes\"")]
    [InlineData("rope_theta", "0")]
    public void Absurd_values_are_refused_by_name(string key, string json) =>
        Should.Throw<ModelLoadException>(() => TestConfig.Spec("LlamaForCausalLM", (key, json))).Item.ShouldBe(key);

    /// <summary>Rows of one head lie on the stack of a thread while they are stored.</summary>
    [Fact]
    public void A_head_that_is_too_wide_is_refused_when_it_is_derived_too() =>
        Should.Throw<ModelLoadException>(() => TestConfig.Spec(
            "LlamaForCausalLM", ("head_dim", null), ("hidden_size", "131072"), ("num_attention_heads", "1"), ("num_key_value_heads", "1")))
            .Item.ShouldBe("head_dim");

    [Theory]
    [InlineData("hidden_size")]
    [InlineData("vocab_size")]
    [InlineData("max_position_embeddings")]
    public void Missing_sizes_are_refused_by_name(string key) =>
        Should.Throw<ModelLoadException>(() => TestConfig.Spec("LlamaForCausalLM", (key, null))).Item.ShouldBe(key);

    [Fact]
    public void Old_and_new_spelling_of_rope_mean_the_same()
    {
        const string Scaling =
            """{"rope_type": "llama3", "factor": 8, "low_freq_factor": 1, "high_freq_factor": 4, "original_max_position_embeddings": 64}""";
        var old = TestConfig.Spec("LlamaForCausalLM", ("rope_theta", "500000"), ("rope_scaling", Scaling));
        var now = TestConfig.Spec("LlamaForCausalLM", ("rope_parameters", Scaling.Replace("{", """{"rope_theta": 500000, """, StringComparison.Ordinal)));
        now.Ropes[0].ShouldBe(old.Ropes[0]);
        old.Ropes[0].Theta.ShouldBe(500_000);
        Should.Throw<ModelLoadException>(
            () => TestConfig.Spec("LlamaForCausalLM", ("rope_scaling", Scaling), ("rope_parameters", Scaling))).Item.ShouldBe("rope_scaling");
    }

    [Fact]
    public void Rope_nested_per_layer_type_reaches_its_layers()
    {
        var spec = TestConfig.Spec(
            "MistralForCausalLM", ("sliding_window", "16"),
            ("layer_types", """["sliding_attention", "full_attention", "full_attention", "sliding_attention"]"""),
            ("rope_parameters", """
                {"full_attention": {"rope_theta": 1e6, "rope_type": "linear", "factor": 2},
                 "sliding_attention": {"rope_theta": 1e4, "rope_type": "default"}}
                """));
        spec.Layers.ShouldBe([new(16, 1), new(0, 0), new(0, 0), new(16, 1)]);
        spec.Ropes.Select(rope => (rope.Type, rope.Theta)).ShouldBe([(RopeType.Linear, 1e6), (RopeType.Default, 1e4)]);
    }

    [Fact]
    public void Windows_follow_each_architecture()
    {
        Windows("MistralForCausalLM", ("sliding_window", "16")).ShouldBe([16, 16, 16, 16]);
        Windows("MistralForCausalLM", ("sliding_window", null)).ShouldBe([0, 0, 0, 0]);
        Windows("MistralForCausalLM").ShouldBe([4096, 4096, 4096, 4096]); // the class's default
        Windows("Qwen2ForCausalLM", ("sliding_window", "16")).ShouldBe([0, 0, 0, 0]); // written, but off
        Windows("Qwen3ForCausalLM", ("sliding_window", "16"), ("use_sliding_window", "true"), ("max_window_layers", "3"))
            .ShouldBe([0, 0, 0, 16]);
        Windows("Gemma2ForCausalLM", ("sliding_window", "16")).ShouldBe([16, 0, 16, 0]);
        Windows("MixtralForCausalLM").ShouldBe([0, 0, 0, 0]);
        Windows("Phi3ForCausalLM", ("sliding_window", "16")).ShouldBe([16, 16, 16, 16]);

        static IEnumerable<int> Windows(string architecture, params (string Key, string? Json)[] changes) =>
            TestConfig.Spec(architecture, changes).Layers.Select(layer => layer.Window);
    }

    [Fact]
    public void Head_dim_is_taken_from_the_file_before_it_is_derived()
    {
        TestConfig.Spec("LlamaForCausalLM", ("head_dim", "32")).HeadDim.ShouldBe(32);
        TestConfig.Spec("LlamaForCausalLM", ("head_dim", null)).HeadDim.ShouldBe(16);
        TestConfig.Spec("Qwen3ForCausalLM", ("head_dim", null)).HeadDim.ShouldBe(128); // the class's default
        TestConfig.Spec("Phi3ForCausalLM", ("partial_rotary_factor", "0.75")).RotatedDims.ShouldBe(12);
    }

    [Fact]
    public void Phi3_names_for_longrope_are_understood()
    {
        const string Factors = "[1, 1, 1, 1, 1, 1, 1, 1]";
        foreach (var name in new[] { "su", "yarn", "longrope" })
        {
            var rope = TestConfig.Spec(
                "Phi3ForCausalLM", ("original_max_position_embeddings", "1024"),
                ("rope_scaling", $$"""{"type": "{{name}}", "short_factor": {{Factors}}, "long_factor": {{Factors}} }""")).Ropes[0];
            (rope.Type, rope.OriginalContext, rope.Factor).ShouldBe((RopeType.LongRope, 1024, 2.0));
        }
    }

    [Fact]
    public void Context_that_is_served_and_context_that_may_be_asked_for()
    {
        Contexts("""{"rope_type": "linear", "factor": 4}""").ShouldBe((2048, 8192));
        Contexts("""{"rope_type": "dynamic", "factor": 2}""").ShouldBe((2048, 4096));
        Contexts("""{"rope_type": "yarn", "factor": 4, "original_max_position_embeddings": 2048}""").ShouldBe((8192, 8192));
        Contexts("""{"rope_type": "yarn", "factor": 4, "original_max_position_embeddings": 512}""").ShouldBe((2048, 2048));
        Contexts(null).ShouldBe((2048, 2048));

        static (int, int) Contexts(string? rope)
        {
            var spec = TestConfig.Spec("LlamaForCausalLM", ("rope_scaling", rope));
            return (spec.ContextLength, spec.MaxContextLength);
        }
    }

    [Theory]
    [InlineData("""{"a": 1, "a": 2}""")]
    [InlineData("""[1]""")]
    [InlineData("""{"a": """)]
    [InlineData("")]
    public void Broken_json_is_a_load_error(string json) =>
        Should.Throw<ModelLoadException>(() => TestConfig.Parse(json)).File.ShouldBe("config.json");
}
