using System.Text.Json;
using Stoker.Engine.Kernels;
using Stoker.Engine.Models;
using Stoker.Engine.Tests.Kernels;
using Stoker.Engine.Tests.Weights;
using Stoker.Engine.Weights;

namespace Stoker.Engine.Tests.Models;

/// <summary>
/// Switches that no fixture has on: biases of the output and MLP projections. For one token attention is its own value
/// and rope turns by nothing, so a forward pass in plain double arithmetic fits on a page.
/// </summary>
public class BiasTests
{
    private const int Hidden = 8, Inner = 12, Heads = 2, HeadDim = 4, Vocabulary = 11, Token = 3;

    public static TheoryData<string> Sets() => [.. KernelSets.SupportedNames];

    [Theory]
    [MemberData(nameof(Sets))]
    public void All_biases_of_a_llama_layer_are_added(string set)
    {
        var tensors = RandomTensors();
        using var folder = Write(tensors);
        using var runner = new ModelRunner(folder.Path, set, precision: Precision.F32);
        var logits = runner.Run([Token], LogitRows.Last);
        var expected = Forward(tensors);
        for (var id = 0; id < Vocabulary; id++)
        {
            ((double)logits[id]).ShouldBe(expected[id], 1e-5);
        }
    }

    [Fact]
    public void Gemma_embedding_factor_is_rounded_to_the_type_of_the_weights()
    {
        EmbeddingScale.Of(3072, TensorType.BF16).ShouldBe(55.5f);
        EmbeddingScale.Of(3072, TensorType.F16).ShouldBe(55.4375f);
        EmbeddingScale.Of(3072, TensorType.F32).ShouldBe(MathF.Sqrt(3072));
    }

    private static double[] Forward(Dictionary<string, (long[] Shape, float[] Values)> tensors)
    {
        double[] T(string name) => [.. tensors[name].Values.Select(value => (double)value)];
        double[] Layer(string name) => T("model.layers.0." + name);
        double[] Linear(string name, double[] x) =>
            [.. Layer(name + ".bias").Select((bias, row) => bias + Dot(Layer(name + ".weight"), row, x))];

        var x = T("model.embed_tokens.weight").Skip(Token * Hidden).Take(Hidden).ToArray();
        var values = Linear("self_attn.v_proj", Norm(x, Layer("input_layernorm.weight")));
        var attended = values.Concat(values).ToArray(); // both query heads share the one kv head
        x = Sum(x, Linear("self_attn.o_proj", attended));
        var normed = Norm(x, Layer("post_attention_layernorm.weight"));
        var gate = Linear("mlp.gate_proj", normed).Select(g => g / (1 + Math.Exp(-g)));
        x = Sum(x, Linear("mlp.down_proj", [.. gate.Zip(Linear("mlp.up_proj", normed), (g, u) => g * u)]));
        normed = Norm(x, T("model.norm.weight"));
        return [.. Enumerable.Range(0, Vocabulary).Select(row => Dot(T("lm_head.weight"), row, normed))];
    }

    private static double Dot(double[] matrix, int row, double[] x) =>
        x.Select((value, i) => value * matrix[(row * x.Length) + i]).Sum();

    private static double[] Sum(double[] a, double[] b) => [.. a.Zip(b, (left, right) => left + right)];

    private static double[] Norm(double[] x, double[] weight)
    {
        var scale = 1 / Math.Sqrt(x.Average(value => value * value) + 1e-6);
        return [.. x.Zip(weight, (value, w) => value * scale * w)];
    }

    private static Dictionary<string, (long[] Shape, float[] Values)> RandomTensors()
    {
        var random = new Random(12);
        var tensors = new Dictionary<string, (long[] Shape, float[] Values)>();
        void Add(string name, params long[] shape) =>
            tensors[name] = (shape, TestMatrix.Values((int)shape.Aggregate(1L, (a, b) => a * b), random));
        void Linear(string name, long outputs, long inputs)
        {
            Add($"model.layers.0.{name}.weight", outputs, inputs);
            Add($"model.layers.0.{name}.bias", outputs);
        }

        Add("model.embed_tokens.weight", Vocabulary, Hidden);
        Add("lm_head.weight", Vocabulary, Hidden);
        Add("model.norm.weight", Hidden);
        Add("model.layers.0.input_layernorm.weight", Hidden);
        Add("model.layers.0.post_attention_layernorm.weight", Hidden);
        Linear("self_attn.q_proj", Heads * HeadDim, Hidden);
        Linear("self_attn.k_proj", HeadDim, Hidden);
        Linear("self_attn.v_proj", HeadDim, Hidden);
        Linear("self_attn.o_proj", Hidden, Heads * HeadDim);
        Linear("mlp.gate_proj", Inner, Hidden);
        Linear("mlp.up_proj", Inner, Hidden);
        Linear("mlp.down_proj", Hidden, Inner);
        return tensors;
    }

    private static TemporaryFolder Write(Dictionary<string, (long[] Shape, float[] Values)> tensors)
    {
        var folder = new TemporaryFolder();
        var file = new SafetensorsBuilder();
        foreach (var (name, tensor) in tensors)
        {
            file.Add(name, tensor.Shape, tensor.Values);
        }

        File.WriteAllBytes(folder.File("model.safetensors"), file.Build());
        string[] architectures = ["LlamaForCausalLM"];
        File.WriteAllText(folder.File("config.json"), JsonSerializer.Serialize(new
        {
            architectures,
            hidden_size = Hidden,
            intermediate_size = Inner,
            num_hidden_layers = 1,
            num_attention_heads = Heads,
            num_key_value_heads = 1,
            vocab_size = Vocabulary,
            max_position_embeddings = 64,
            attention_bias = true,
            mlp_bias = true,
        }));
        return folder;
    }
}
