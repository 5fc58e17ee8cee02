using System.Runtime.InteropServices;
using Stoker.Engine.Models;
using Stoker.Engine.Tests.Weights;
using Stoker.Engine.Weights;
using Stoker.Testing;

namespace Stoker.Engine.Tests.Models;

/// <summary>The same weights in other clothes give the same logits; clothes that do not fit are refused.</summary>
public class CheckpointFormsTests
{
    private static readonly int[] Prompt = [256, 65, 66, 67, 68];

    [Fact]
    public void Experts_as_stacks_equal_experts_one_by_one()
    {
        var single = Logits(TestData.Architecture("mixtral"));
        using var folder = TemporaryFolder.CopyOf(TestData.Architecture("mixtral"));
        using (var checkpoint = Checkpoint.Open(TestData.Architecture("mixtral")))
        {
            File.WriteAllBytes(folder.File("model.safetensors"), StackExperts(checkpoint));
        }

        Logits(folder.Path).ShouldHaveTheBitsOf(single);
    }

    [Fact]
    public void Gate_and_up_may_be_stored_in_different_types()
    {
        var plain = TestData.Architecture("qwen2"); // f16
        using var folder = TemporaryFolder.CopyOf(plain);
        using (var checkpoint = Checkpoint.Open(plain)) File.WriteAllBytes(folder.File("model.safetensors"), WidenUps(checkpoint));
        Logits(folder.Path, precision: Precision.F32).ShouldHaveTheBitsOf(Logits(plain, precision: Precision.F32));
        Logits(folder.Path).ShouldAllBe(logit => float.IsFinite(logit)); // as stored: both as bf16, since one is no f16
    }

    [Theory]
    [InlineData(WeightPlacement.Copied)]
    [InlineData(WeightPlacement.Mapped)]
    internal void Copied_and_mapped_weights_give_the_same_logits(WeightPlacement placement)
    {
        foreach (var model in new[] { "mistral", "qwen2" })
        {
            Logits(TestData.Architecture(model), placement).ShouldHaveTheBitsOf(Logits(TestData.Architecture(model)));
        }
    }

    [Theory]
    [InlineData("vocab_size", "265", "model.embed_tokens.weight")]
    [InlineData("hidden_size", "32", "model.embed_tokens.weight")]
    [InlineData("num_hidden_layers", "3", "model.layers.2.input_layernorm.weight")]
    [InlineData("num_hidden_layers", "1", "model.layers.1.input_layernorm.weight")]
    [InlineData("num_key_value_heads", "4", "model.layers.0.self_attn.k_proj.weight")]
    [InlineData("intermediate_size", "64", "model.layers.0.mlp.gate_proj.weight")]
    [InlineData("tie_word_embeddings", "false", "lm_head.weight")]
    [InlineData("architectures", "[\"MistralForCausalLM\"]", "model.layers.0.self_attn.k_proj.bias")]
    public void Config_and_tensors_that_contradict_each_other_are_refused_by_tensor(string key, string value, string tensor)
    {
        using var folder = TemporaryFolder.CopyOf(TestData.Architecture("qwen2"));
        folder.SetJson("config.json", key, System.Text.Json.Nodes.JsonNode.Parse(value));
        Should.Throw<ModelLoadException>(() => ModelFolder.Inspect(folder.Path)).Item.ShouldBe(tensor);
    }

    [Fact]
    public void Longer_context_than_the_model_reaches_is_refused()
    {
        using var team = new Engine.Kernels.ThreadTeam(1);
        Should.Throw<ArgumentException>(() => LanguageModel.Load(
            TestData.Model("story-3m"), Engine.Kernels.KernelSets.Choose("portable"), team, new() { ContextLength = 513 }));
    }

    private static float[] Logits(string folder, WeightPlacement placement = WeightPlacement.Auto, Precision precision = Precision.Auto)
    {
        using var runner = new ModelRunner(folder, "portable", placement: placement, precision: precision);
        return runner.Run(Prompt, LogitRows.All);
    }

    private static byte[] WidenUps(Checkpoint checkpoint)
    {
        var file = new SafetensorsBuilder();
        foreach (var tensor in checkpoint.Tensors)
        {
            var values = Rows(checkpoint, tensor.Name, tensor.Shape is [_] ? 1 : (int)tensor.Shape[0], (int)tensor.Shape[^1]);
            if (tensor.Name.EndsWith("up_proj.weight", StringComparison.Ordinal))
            {
                file.Add(tensor.Name, [.. tensor.Shape], values);
            }
            else
            {
                file.Add(tensor.Name, "F16", [.. tensor.Shape], MemoryMarshal.AsBytes<Half>(Array.ConvertAll(values, value => (Half)value)).ToArray());
            }
        }

        return file.Build();
    }

    private static byte[] StackExperts(Checkpoint checkpoint)
    {
        var file = new SafetensorsBuilder();
        foreach (var tensor in checkpoint.Tensors.Where(tensor => !tensor.Name.Contains(".experts.", StringComparison.Ordinal)))
        {
            file.Add(
                tensor.Name.Replace("block_sparse_moe.", "mlp.", StringComparison.Ordinal), [.. tensor.Shape],
                Rows(checkpoint, tensor.Name, tensor.Shape is [_] ? 1 : (int)tensor.Shape[0], (int)tensor.Shape[^1]));
        }

        for (var layer = 0; layer < 2; layer++)
        {
            var old = $"model.layers.{layer}.block_sparse_moe.experts.";
            var experts = Enumerable.Range(0, 4).ToArray();
            file.Add($"model.layers.{layer}.mlp.experts.gate_up_proj", [4, 128, 48], experts.SelectMany(
                e => Rows(checkpoint, $"{old}{e}.w1.weight", 64, 48).Concat(Rows(checkpoint, $"{old}{e}.w3.weight", 64, 48))).ToArray());
            file.Add($"model.layers.{layer}.mlp.experts.down_proj", [4, 48, 64], experts.SelectMany(
                e => Rows(checkpoint, $"{old}{e}.w2.weight", 48, 64)).ToArray());
        }

        return file.Build();
    }

    private static float[] Rows(Checkpoint checkpoint, string name, int rows, int columns)
    {
        if (rows == 1)
        {
            return checkpoint.Vector(name, columns);
        }

        var matrix = checkpoint.Matrix(name, rows, columns);
        var values = new float[rows * columns];
        for (var row = 0; row < rows; row++)
        {
            matrix.WidenRow(row, values.AsSpan(row * columns, columns));
        }

        return values;
    }
}
