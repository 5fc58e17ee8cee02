using System.Text.Json.Nodes;
using Stoker.Engine.Models;
using Stoker.Testing;
using Stoker.Testing.Checkpoints;

namespace Stoker.Engine.Tests.Models.Quantized;

/// <summary>What config.json says of a quantised checkpoint, and what is refused of it, by name and with a next step.</summary>
public class QuantizationReaderTests
{
    [Theory]
    [InlineData("gptq")]
    [InlineData("awq")]
    [InlineData("bitsandbytes")]
    [InlineData("mxfp4")]
    [InlineData("modelopt")]
    [InlineData("quark")]
    [InlineData("torchao")]
    public void Other_methods_are_refused_by_name_with_what_is_supported_and_what_to_do(string method)
    {
        var error = Should.Throw<ModelLoadException>(() => Read(new JsonObject { ["quant_method"] = method, ["bits"] = 4 }));
        error.Message.ShouldBe(
            $"config.json: quantization_config.quant_method: '{method}' is not supported; supported are fp8, fbgemm_fp8, and compressed-tensors of the formats "
            + "float-quantized, naive-quantized and int-quantized. Else take the model's 16-bit checkpoint; it can be quantised here "
            + "(stoker pack --precision fp8, int8 or fp4)");
    }

    [Theory]
    [InlineData("pack-quantized", "int")]
    [InlineData("nvfp4-pack-quantized", "float")]
    [InlineData("mxfp4-pack-quantized", "float")]
    [InlineData("mxfp8-quantized", "float")]
    [InlineData("float-quantized", "int")]
    [InlineData("marlin-24", "int")]
    public void Other_formats_of_compressed_tensors_are_refused_by_name(string format, string type)
    {
        var error = Should.Throw<ModelLoadException>(() => Compressed(config => config["format"] = format, weights => weights["type"] = type));
        error.Message.ShouldStartWith($"config.json: quantization_config.config_groups.group_0.format: '{format}' of type '{type}' is not supported; supported are fp8,");
        error.Message.ShouldContain("take the model's 16-bit checkpoint");
    }

    [Theory]
    [InlineData("num_bits", "4")]
    [InlineData("symmetric", "false")]
    [InlineData("dynamic", "true")]
    [InlineData("group_size", "128")]
    [InlineData("actorder", "\"group\"")]
    [InlineData("strategy", "\"group\"")]
    [InlineData("strategy", "\"token\"")]
    [InlineData("strategy", "null")]
    public void Settings_of_weights_that_would_change_the_numbers_are_refused_by_name(string key, string json) =>
        Should.Throw<ModelLoadException>(() => Compressed(weights: weights => weights[key] = JsonNode.Parse(json)))
            .Item.ShouldBe($"quantization_config.config_groups.group_0.weights.{key}");

    [Theory]
    [InlineData("transform_config", """{"config_groups": {"R1": {}}}""", "transform_config")]
    [InlineData("sparsity_config", """{"format": "sparse-24-bitmask"}""", "sparsity_config.format")]
    [InlineData("config_groups", "null", "config_groups")]
    [InlineData("config_groups", """{"group_0": {"weights": null}}""", "config_groups")]
    [InlineData("config_groups", """{"group_0": {"weights": {"num_bits": 8, "type": "float", "strategy": "block"}}}""", "config_groups.group_0.weights.block_structure")]
    [InlineData("ignore", """["re:("]""", "ignore")]
    [InlineData("ignore", """["re:(?=a)b"]""", "ignore")]
    [InlineData("ignore", """["re:((a{100}){100}){100}"]""", "ignore")] // a machine of a million states
    [InlineData("ignore", """["re:a","re:a","re:a","re:a","re:a","re:a","re:a","re:a","re:a","re:a","re:a","re:a","re:a","re:a","re:a","re:a","re:a"]""", "ignore")]
    [InlineData("ignore", "\"lm_head\"", "ignore")]
    [InlineData("format", "null", "config_groups.group_0.format")]
    public void Settings_of_compressed_tensors_that_are_not_followed_are_refused_by_name(string key, string json, string item) =>
        Should.Throw<ModelLoadException>(() => Compressed(config => config[key] = JsonNode.Parse(json))).Item.ShouldBe($"quantization_config.{item}");

    [Theory]
    [InlineData("fmt", "\"e5m2\"", "fmt")]
    [InlineData("activation_scheme", "\"block\"", "activation_scheme")]
    [InlineData("weight_block_size", "[128]", "weight_block_size")]
    [InlineData("weight_block_size", "[128, 0]", "weight_block_size")]
    [InlineData("weight_block_size", "[128, 1e9]", "weight_block_size")]
    [InlineData("ignored_layers", "3", "ignored_layers")]
    [InlineData("quant_method", "null", "quant_method")]
    public void Settings_of_fp8_that_are_not_followed_are_refused_by_name(string key, string json, string item)
    {
        var config = (JsonObject)QuantizedForm.Blocks(128, 128).Config.DeepClone();
        config[key] = JsonNode.Parse(json);
        Should.Throw<ModelLoadException>(() => Read(config)).Item.ShouldBe($"quantization_config.{item}");
    }

    /// <summary>A stranger's pattern: with backtracking it would run for longer than anybody waits.</summary>
    [Fact(Timeout = 60_000)]
    public async Task Hostile_patterns_do_not_run_for_ever()
    {
        var spec = Compressed(config => config["ignore"] = new JsonArray("re:(a+)+$"));
        (await Task.Run(() => spec.Quantization!.FormOf(new string('a', 5000) + "b"), TestContext.Current.CancellationToken)).ShouldNotBeNull();
        Should.Throw<ModelLoadException>(() => Compressed(config => config["ignore"] = new JsonArray($"re:{new string('a', 1001)}")));
    }

    [Theory]
    [InlineData("lm_head", "lm_head", true)]
    [InlineData("lm_head", "model.lm_head", false)]
    [InlineData("re:.*mlp\\.gate$", "model.layers.3.mlp.gate", true)]
    [InlineData("re:.*mlp\\.gate$", "model.layers.3.mlp.gate_proj", false)]
    [InlineData("re:layers", "model.layers.0.mlp.up_proj", false)] // from the beginning, as the format's own reader matches
    public void Compressed_tensors_ignore_whole_names_and_patterns(string entry, string module, bool ignored) =>
        (Compressed(config => config["ignore"] = new JsonArray(entry)).Quantization!.FormOf(module) is null).ShouldBe(ignored);

    [Theory]
    [InlineData("lm_head", "lm_head", true)]
    [InlineData("mlp.gate", "model.layers.3.mlp.gate", true)]
    [InlineData("mlp.gate", "model.layers.3.mlp.gate_proj", false)]
    [InlineData("model.layers.3", "model.layers.3.mlp.up_proj", true)]
    [InlineData("model.layers.3", "model.layers.31.mlp.up_proj", false)]
    [InlineData("layers.3.mlp", "model.layers.3.mlp.up_proj", true)]
    [InlineData("up_proj", "model.layers.3.mlp.up_proj", true)]
    [InlineData("model.mlp", "model.layers.3.mlp.up_proj", false)]
    public void Fp8_ignores_names_and_parts_of_them(string entry, string module, bool ignored)
    {
        var config = (JsonObject)QuantizedForm.Blocks(128, 128).Config.DeepClone();
        config["modules_to_not_convert"] = new JsonArray(entry);
        (Read(config).Quantization!.FormOf(module) is null).ShouldBe(ignored);
    }

    [Fact]
    public void Groups_may_differ_and_the_first_that_has_a_module_counts()
    {
        var config = (JsonObject)QuantizedForm.CompressedTensors("channel").Config.DeepClone();
        var tensor = QuantizedForm.CompressedTensors("tensor").Config["config_groups"]!["group_0"]!.DeepClone();
        var channel = config["config_groups"]!["group_0"]!.DeepClone();
        channel["targets"] = new JsonArray("re:.*down_proj");
        config["config_groups"] = new JsonObject { ["group_0"] = channel, ["group_1"] = tensor };
        var quantization = Read(config).Quantization!;
        quantization.FormOf("model.layers.0.mlp.down_proj")!.ToString().ShouldBe("F8_E4M3 with one scale per row");
        quantization.FormOf("model.layers.0.mlp.up_proj")!.ToString().ShouldBe("F8_E4M3 with one scale per tensor");
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("null")]
    public void Empty_settings_mean_that_nothing_is_quantised(string json) =>
        TestConfig.Spec("LlamaForCausalLM", ("quantization_config", json)).Quantization.ShouldBeNull();

    [Fact]
    public void Draft_heads_are_not_read_quantised()
    {
        using var folder = TemporaryFolder.CopyOf(TestData.Model("story-3m-eagle"));
        folder.SetJson("config.json", "quantization_config", QuantizedForm.Fbgemm().Config.DeepClone());
        Should.Throw<ModelLoadException>(() => ModelFolder.Inspect(folder.Path)).Item.ShouldBe("quantization_config");
    }

    private static DecoderSpec Compressed(Action<JsonObject>? config = null, Action<JsonObject>? weights = null)
    {
        var settings = (JsonObject)QuantizedForm.CompressedTensors("channel").Config.DeepClone();
        weights?.Invoke((JsonObject)settings["config_groups"]!["group_0"]!["weights"]!);
        config?.Invoke(settings);
        return Read(settings);
    }

    private static DecoderSpec Read(JsonObject settings) => TestConfig.Spec("LlamaForCausalLM", ("quantization_config", settings.ToJsonString()));
}
