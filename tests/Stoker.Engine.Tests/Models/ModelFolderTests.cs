using System.Text.Json.Nodes;
using Stoker.Engine.Models;
using Stoker.Engine.Tests.Weights;
using Stoker.Testing;

namespace Stoker.Engine.Tests.Models;

public class ModelFolderTests
{
    [Fact]
    public void Story_model_is_described_from_its_headers()
    {
        var model = ModelFolder.Inspect(TestData.Model("story-3m"));
        model.Kind.ShouldBe(ModelKind.Base);
        model.Architecture.ShouldBe("LlamaForCausalLM");
        model.ModelType.ShouldBe("llama");
        model.ParameterCount.ShouldBe(3_148_608);
        (model.StoredType, model.ContextLength, model.VocabularySize).ShouldBe(("BF16", 512, 2048));
        model.HasChatTemplate.ShouldBeTrue();
        model.IsMixtureOfExperts.ShouldBeFalse();
        model.EndTokens.ShouldBe([2041, 2043]);
        model.DefaultSampling.Temperature.ShouldBe(0.7);
    }

    [Theory]
    [InlineData("gemma2", "Gemma2ForCausalLM", "BF16", false)]
    [InlineData("llama31", "LlamaForCausalLM", "BF16", false)]
    [InlineData("mistral", "MistralForCausalLM", "BF16", false)]
    [InlineData("mixtral", "MixtralForCausalLM", "BF16", true)]
    [InlineData("phi3", "Phi3ForCausalLM", "BF16", false)]
    [InlineData("qwen2", "Qwen2ForCausalLM", "F16", false)]
    [InlineData("qwen3", "Qwen3ForCausalLM", "BF16", false)]
    public void Every_architecture_is_described(string fixture, string architecture, string type, bool experts)
    {
        var model = ModelFolder.Inspect(TestData.Architecture(fixture));
        (model.Architecture, model.StoredType, model.IsMixtureOfExperts).ShouldBe((architecture, type, experts));
    }

    [Theory]
    [InlineData("story-3m-lora-zog", 8, 189_952, "down_proj gate_proj k_proj o_proj q_proj up_proj v_proj")]
    [InlineData("story-3m-lora-bolt", 4, 17_920, "q_proj v_proj")]
    public void Addons_are_described_with_rank_targets_and_base(string addon, int rank, int parameters, string targets)
    {
        var model = ModelFolder.InspectAddon(TestData.Model(addon), TestData.Model("story-3m"));
        (model.Kind, model.Rank, model.ParameterCount).ShouldBe((ModelKind.PeftAddon, rank, parameters));
        string.Join(' ', model.TargetModules).ShouldBe(targets);
        model.BaseModelName.ShouldBe("story-3m");
    }

    [Fact]
    public void Eagle_head_is_described()
    {
        var model = ModelFolder.Inspect(TestData.Model("story-3m-eagle"));
        (model.Kind, model.Architecture, model.ParameterCount).ShouldBe((ModelKind.EagleDraft, "LlamaForCausalLMEagle", 467_328));
        // One layer of the shape of the target's seven; it takes no addons.
        (model.KvBytesPerToken * 7, model.AddonBytesPerRank).ShouldBe((ModelFolder.Inspect(TestData.Model("story-3m")).KvBytesPerToken, null));
    }

    [Fact]
    public void Addon_for_another_base_is_refused_with_both_shapes()
    {
        var error = Should.Throw<ModelLoadException>(
            () => ModelFolder.InspectAddon(TestData.Model("story-3m-lora-zog"), TestData.Model("story-draft-400k")));
        error.Item.ShouldBe("model.layers.0.mlp.down_proj");
        error.Reason.ShouldBe("is for a weight [192, 512], the base model's is [96, 256]");
    }

    [Theory]
    [InlineData("use_dora", "true")]
    [InlineData("bias", "\"all\"")]
    [InlineData("modules_to_save", "[\"lm_head\"]")]
    [InlineData("fan_in_fan_out", "true")]
    [InlineData("layer_replication", "[[0, 4]]")]
    [InlineData("trainable_token_indices", "[1]")]
    [InlineData("target_parameters", "[\"experts\"]")]
    [InlineData("lora_bias", "true")]
    [InlineData("init_lora_weights", "\"pissa\"")]
    [InlineData("peft_type", "\"IA3\"")]
    [InlineData("task_type", "\"SEQ_CLS\"")]
    [InlineData("target_modules", "\"(unclosed\"")]
    [InlineData("target_modules", "[]")]
    [InlineData("lora_alpha", "\"sixteen\"")]
    public void Addon_settings_that_change_numbers_are_refused_by_name(string key, string value)
    {
        using var folder = TemporaryFolder.CopyOf(TestData.Model("story-3m-lora-bolt"));
        folder.SetJson("adapter_config.json", key, JsonNode.Parse(value));
        Should.Throw<ModelLoadException>(() => ModelFolder.Inspect(folder.Path)).Item.ShouldBe(key);
    }

    [Theory]
    [InlineData("r", "8", "has rank 4, adapter_config.json says 8")]
    [InlineData("target_modules", "[\"q_proj\"]", "is no target of adapter_config.json (target_modules, exclude_modules)")]
    [InlineData("exclude_modules", "[\"v_proj\"]", "is no target of adapter_config.json (target_modules, exclude_modules)")]
    [InlineData("rank_pattern", "{\"v_proj\": 2}", "has rank 4, adapter_config.json says 2")]
    [InlineData("layers_to_transform", "[0, 1]", "is no target of adapter_config.json (target_modules, exclude_modules)")]
    public void Addon_tensors_that_contradict_the_settings_are_refused(string key, string value, string reason)
    {
        using var folder = TemporaryFolder.CopyOf(TestData.Model("story-3m-lora-bolt"));
        folder.SetJson("adapter_config.json", key, JsonNode.Parse(value));
        Should.Throw<ModelLoadException>(() => ModelFolder.Inspect(folder.Path)).Reason.ShouldBe(reason);
    }

    [Theory]
    [InlineData("target_modules", "\".*\\\\.(q|v)_proj\"")]
    [InlineData("target_modules", "\"all-linear\"")]
    [InlineData("target_modules", "[\"self_attn.q_proj\", \"v_proj\"]")]
    [InlineData("use_rslora", "true")]
    [InlineData("rank_pattern", "{\"v_proj\": 4}")]
    [InlineData("init_lora_weights", "\"gaussian\"")]
    public void Addon_settings_that_can_be_computed_are_accepted(string key, string value)
    {
        using var folder = TemporaryFolder.CopyOf(TestData.Model("story-3m-lora-bolt"));
        folder.SetJson("adapter_config.json", key, JsonNode.Parse(value));
        ModelFolder.Inspect(folder.Path).Rank.ShouldBe(4);
    }

    [Theory]
    [InlineData("model.layers.0.block_sparse_moe.experts.0.w1")]
    [InlineData("model.layers.0.mlp.experts.3.gate_proj")]
    [InlineData("model.layers.0.mlp.shared_expert.up_proj")]
    [InlineData("model.layers.0.mlp.gate")]
    [InlineData("model.layers.0.mlp.q_proj")]
    [InlineData("model.embed_tokens")]
    public void What_the_engine_refuses_in_an_addon_is_refused_at_its_upload(string module)
    {
        using var folder = TemporaryFolder.CopyOf(TestData.Model("story-3m-lora-bolt"));
        folder.SetJson(PeftAddon.ConfigFile, "target_modules", new JsonArray(module));
        File.WriteAllBytes(folder.File(PeftAddon.WeightsFile), new SafetensorsBuilder()
            .Add(LoraModules.Prefix + module + LoraModules.SuffixA, [4, 8], new float[32])
            .Add(LoraModules.Prefix + module + LoraModules.SuffixB, [8, 4], new float[32]).Build());
        Should.Throw<ModelLoadException>(() => ModelFolder.Inspect(folder.Path)).Reason.ShouldStartWith($"changes '{module}'; addons may change");
    }

    [Fact]
    public void Addon_that_lacks_tensors_of_a_target_is_refused()
    {
        using var folder = TemporaryFolder.CopyOf(TestData.Model("story-3m-lora-bolt"));
        folder.SetJson("adapter_config.json", "target_modules", JsonNode.Parse("""["q_proj", "v_proj", "k_proj"]"""));
        Should.Throw<ModelLoadException>(() => ModelFolder.InspectAddon(folder.Path, TestData.Model("story-3m")))
            .Message.ShouldContain("model.layers.0.self_attn.k_proj: is a target of adapter_config.json, but its tensors are missing");
    }

    [Fact]
    public void Addon_with_a_number_that_is_none_is_refused_with_its_tensor()
    {
        using var folder = TemporaryFolder.CopyOf(TestData.Model("story-3m-lora-bolt"));
        var weights = folder.File(PeftAddon.WeightsFile);
        File.WriteAllBytes(weights, [.. File.ReadAllBytes(weights)[..^2], 0xC0, 0x7F]);
        var error = Should.Throw<ModelLoadException>(() => ModelFolder.InspectAddon(folder.Path, TestData.Model("story-3m")));
        (error.File, error.Item).ShouldBe((PeftAddon.WeightsFile, "model.layers.6.self_attn.v_proj.lora_B.weight"));
        error.Reason.ShouldStartWith("row 63 holds NaN");
    }

    [Fact]
    public void Pickled_addon_is_refused()
    {
        using var folder = TemporaryFolder.CopyOf(TestData.Model("story-3m-lora-bolt"));
        File.Move(folder.File("adapter_model.safetensors"), folder.File("adapter_model.bin"));
        Should.Throw<ModelLoadException>(() => ModelFolder.Inspect(folder.Path)).Reason.ShouldContain("pickle");
    }

    [Theory]
    [InlineData("num_hidden_layers", "2")]
    [InlineData("architectures", "[\"LlamaForCausalLMEagle3\"]")]
    [InlineData("draft_vocab_size", "128")]
    public void Eagle_heads_of_another_kind_are_refused(string key, string value)
    {
        using var folder = TemporaryFolder.CopyOf(TestData.Model("story-3m-eagle"));
        folder.SetJson("config.json", key, JsonNode.Parse(value));
        Should.Throw<ModelLoadException>(() => ModelFolder.Inspect(folder.Path)).File.ShouldBe("config.json");
    }

    [Theory]
    [InlineData("config.json")]
    [InlineData("tokenizer.json")]
    [InlineData("model.safetensors")]
    public void Missing_file_is_named(string file)
    {
        using var folder = TemporaryFolder.CopyOf(TestData.Architecture("qwen2"));
        File.Delete(folder.File(file));
        Should.Throw<ModelLoadException>(() => ModelFolder.Inspect(folder.Path)).File.ShouldBe(file);
    }

    [Fact]
    public void Missing_folder_is_a_load_error() =>
        Should.Throw<ModelLoadException>(() => ModelFolder.Inspect("/nowhere/model")).File.ShouldBe("model");
}
