using Stoker.Testing.Checkpoints;

namespace Stoker.Engine.Tests.Models;

/// <summary>
/// A small llama with random weights, computed in the plainest way: doubles, every position anew against all before it. Shares no code with the engine,
/// which is held against it; the frequencies are given, being what the rope types differ in.
/// </summary>
internal sealed class PlainDecoder
{
    public const int Hidden = 32, Inner = 48, Layers = 2, Heads = 4, KvHeads = 2, HeadDim = 8, Vocabulary = 61;
    public const double Theta = 10_000, Epsilon = 1e-6;

    private readonly SortedDictionary<string, PlainTensor> _tensors = new(StringComparer.Ordinal);
    private readonly Dictionary<string, double[]> _values;

    public PlainDecoder(int seed)
    {
        var random = new Random(seed);
        Add("model.embed_tokens.weight", Vocabulary, Hidden);
        Add("lm_head.weight", Vocabulary, Hidden);
        Add("model.norm.weight", Hidden);
        for (var layer = 0; layer < Layers; layer++)
        {
            var at = $"model.layers.{layer}.";
            Add(at + "input_layernorm.weight", Hidden);
            Add(at + "post_attention_layernorm.weight", Hidden);
            Add(at + "self_attn.q_proj.weight", Heads * HeadDim, Hidden);
            Add(at + "self_attn.k_proj.weight", KvHeads * HeadDim, Hidden);
            Add(at + "self_attn.v_proj.weight", KvHeads * HeadDim, Hidden);
            Add(at + "self_attn.o_proj.weight", Hidden, Heads * HeadDim);
            Add(at + "mlp.gate_proj.weight", Inner, Hidden);
            Add(at + "mlp.up_proj.weight", Inner, Hidden);
            Add(at + "mlp.down_proj.weight", Hidden, Inner);
        }

        _values = _tensors.ToDictionary(pair => pair.Key, pair => Array.ConvertAll(pair.Value.Values(), value => (double)value));

        void Add(string name, params long[] shape)
        {
            // Queries and keys large enough that attention looks at some positions more than at others.
            var scale = name.Contains("q_proj", StringComparison.Ordinal) || name.Contains("k_proj", StringComparison.Ordinal) ? 0.6 : 0.25;
            var count = shape.Aggregate(1L, (product, size) => product * size);
            _tensors[name] = PlainTensor.Of(shape, [.. Enumerable.Range(0, (int)count).Select(_ => (float)(shape.Length == 1 ? 0.8 + (0.4 * random.NextDouble()) : scale * ((2 * random.NextDouble()) - 1)))]);
        }
    }

    /// <param name="config">What the config says beside the sizes, such as <c>"max_position_embeddings": 64</c>.</param>
    public void Write(string folder, string config)
    {
        PlainCheckpoint.Write(folder, _tensors);
        File.WriteAllText(Path.Combine(folder, "config.json"), $$"""
            {"architectures": ["LlamaForCausalLM"], "hidden_size": {{Hidden}}, "intermediate_size": {{Inner}}, "num_hidden_layers": {{Layers}},
             "num_attention_heads": {{Heads}}, "num_key_value_heads": {{KvHeads}}, "head_dim": {{HeadDim}}, "vocab_size": {{Vocabulary}}, "rope_theta": 10000,
             "rms_norm_eps": 1e-6, {{config}}}
            """);
    }

    /// <summary>Logits of every position.</summary>
    /// <param name="frequencies">Radians for each position of the pairs of a head.</param>
    /// <param name="magnitude">Of cos and sin.</param>
    public double[][] Logits(int[] tokens, double[] frequencies, double magnitude)
    {
        double[][] x = [.. tokens.Select(token => T("model.embed_tokens.weight")[(token * Hidden)..((token + 1) * Hidden)])];
        for (var layer = 0; layer < Layers; layer++)
        {
            var at = $"model.layers.{layer}.";
            var normed = Array.ConvertAll(x, row => Norm(row, T(at + "input_layernorm.weight")));
            var queries = normed.Select((row, position) => Turn(Times(at + "self_attn.q_proj.weight", row), position, frequencies, magnitude)).ToArray();
            var keys = normed.Select((row, position) => Turn(Times(at + "self_attn.k_proj.weight", row), position, frequencies, magnitude)).ToArray();
            var values = Array.ConvertAll(normed, row => Times(at + "self_attn.v_proj.weight", row));
            for (var position = 0; position < x.Length; position++)
            {
                x[position] = Sum(x[position], Times(at + "self_attn.o_proj.weight", Attend(queries[position], keys, values, position)));
                var second = Norm(x[position], T(at + "post_attention_layernorm.weight"));
                var gate = Times(at + "mlp.gate_proj.weight", second);
                var up = Times(at + "mlp.up_proj.weight", second);
                x[position] = Sum(x[position], Times(at + "mlp.down_proj.weight", [.. gate.Select((value, index) => value / (1 + Math.Exp(-value)) * up[index])]));
            }
        }

        return Array.ConvertAll(x, row => Times("lm_head.weight", Norm(row, T("model.norm.weight"))));
    }

    private double[] T(string name) => _values[name];

    private double[] Times(string name, double[] x)
    {
        var matrix = T(name);
        var result = new double[matrix.Length / x.Length];
        for (var row = 0; row < result.Length; row++)
        {
            for (var column = 0; column < x.Length; column++) result[row] += matrix[(row * x.Length) + column] * x[column];
        }

        return result;
    }

    /// <summary>The first half of each head's dimensions with the second.</summary>
    private static double[] Turn(double[] heads, int position, double[] frequencies, double magnitude)
    {
        var turned = new double[heads.Length];
        for (var head = 0; head < heads.Length; head += HeadDim)
        {
            for (var pair = 0; pair < HeadDim / 2; pair++)
            {
                var (sin, cos) = Math.SinCos(position * frequencies[pair]);
                var (first, second) = (heads[head + pair], heads[head + pair + (HeadDim / 2)]);
                turned[head + pair] = magnitude * ((first * cos) - (second * sin));
                turned[head + pair + (HeadDim / 2)] = magnitude * ((second * cos) + (first * sin));
            }
        }

        return turned;
    }

    private static double[] Attend(double[] query, double[][] keys, double[][] values, int position)
    {
        var result = new double[Heads * HeadDim];
        for (var head = 0; head < Heads; head++)
        {
            var (own, shared) = (head * HeadDim, head / (Heads / KvHeads) * HeadDim);
            var scores = new double[position + 1];
            for (var key = 0; key <= position; key++)
            {
                for (var dim = 0; dim < HeadDim; dim++) scores[key] += query[own + dim] * keys[key][shared + dim] / Math.Sqrt(HeadDim);
            }

            var highest = scores.Max();
            var total = scores.Sum(score => Math.Exp(score - highest));
            for (var key = 0; key <= position; key++)
            {
                for (var dim = 0; dim < HeadDim; dim++) result[own + dim] += Math.Exp(scores[key] - highest) / total * values[key][shared + dim];
            }
        }

        return result;
    }

    private static double[] Sum(double[] one, double[] other) => [.. one.Select((value, index) => value + other[index])];

    private static double[] Norm(double[] x, double[] weight)
    {
        var scale = 1 / Math.Sqrt(x.Average(value => value * value) + Epsilon);
        return [.. x.Select((value, index) => value * scale * weight[index])];
    }
}
