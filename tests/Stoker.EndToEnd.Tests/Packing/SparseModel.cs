using System.Buffers.Binary;
using System.Text;
using System.Text.Json.Nodes;
using Stoker.Testing;

namespace Stoker.EndToEnd.Tests.Packing;

/// <summary>
/// A model of 100 million zeros, in a file with a hole: it takes no disk, and long enough to pack to be killed meanwhile.
/// </summary>
internal static class SparseModel
{
    private const int Layers = 4, Hidden = 256, Inner = 32_768, Vocabulary = 264;

    public static string Write(string folder)
    {
        var fixture = TestData.Architecture("llama31");
        Directory.CreateDirectory(folder);
        foreach (var file in new[] { "tokenizer.json", "tokenizer_config.json" }) File.Copy(Path.Combine(fixture, file), Path.Combine(folder, file));
        File.WriteAllText(Path.Combine(folder, "config.json"), new JsonObject
        {
            ["architectures"] = new JsonArray("LlamaForCausalLM"),
            ["model_type"] = "llama",
            ["hidden_size"] = Hidden,
            ["intermediate_size"] = Inner,
            ["num_hidden_layers"] = Layers,
            ["num_attention_heads"] = 4,
            ["num_key_value_heads"] = 4,
            ["vocab_size"] = Vocabulary,
            ["max_position_embeddings"] = 256,
            ["rms_norm_eps"] = 1e-5,
            ["tie_word_embeddings"] = true,
        }.ToJsonString());
        WriteWeights(Path.Combine(folder, "model.safetensors"));
        return folder;
    }

    private static void WriteWeights(string path)
    {
        var (header, end) = (new JsonObject(), 0L);
        Add("model.embed_tokens.weight", Vocabulary, Hidden);
        Add("model.norm.weight", Hidden);
        for (var layer = 0; layer < Layers; layer++)
        {
            var prefix = $"model.layers.{layer}.";
            Add(prefix + "input_layernorm.weight", Hidden);
            Add(prefix + "post_attention_layernorm.weight", Hidden);
            foreach (var name in new[] { "q", "k", "v", "o" }) Add($"{prefix}self_attn.{name}_proj.weight", Hidden, Hidden);
            foreach (var name in new[] { "gate", "up" }) Add($"{prefix}mlp.{name}_proj.weight", Inner, Hidden);
            Add(prefix + "mlp.down_proj.weight", Hidden, Inner);
        }

        var json = Encoding.UTF8.GetBytes(header.ToJsonString());
        using var file = File.OpenHandle(path, FileMode.CreateNew, FileAccess.Write);
        var length = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(length, json.Length);
        RandomAccess.Write(file, length, 0);
        RandomAccess.Write(file, json, 8);
        RandomAccess.SetLength(file, 8 + json.Length + end);

        void Add(string name, params int[] shape)
        {
            var bytes = shape.Aggregate(2L, (product, size) => product * size);
            header[name] = new JsonObject
            {
                ["dtype"] = "BF16",
                ["shape"] = new JsonArray([.. shape.Select(size => JsonValue.Create(size))]),
                ["data_offsets"] = new JsonArray(end, end + bytes),
            };
            end += bytes;
        }
    }
}
