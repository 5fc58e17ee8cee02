using Stoker.Benchmarks.Gguf;
using Stoker.Benchmarks.RandomModels;

namespace Stoker.Benchmarks.Tests.Gguf;

public sealed class GgufConverterTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    [Fact]
    public void The_rows_of_a_head_are_interleaved_for_llama() =>
        Enumerable.Range(0, 16).Select(row => GgufConverter.SourceRow(row, headDim: 8))
            .ShouldBe([0, 4, 1, 5, 2, 6, 3, 7, 8, 12, 9, 13, 10, 14, 11, 15]);

    [Fact]
    public void A_float_file_has_the_folders_weights_with_permuted_query_rows()
    {
        var shape = RandomShape.TinyLlama;
        var file = Converted(shape, GgufType.F32);
        var source = Weights(shape);
        file.Values("blk.1.ffn_down.weight").ShouldBe(source["model.layers.1.mlp.down_proj.weight"]);
        file.Values("output_norm.weight").ShouldAllBe(value => value == 1);
        var (stored, query) = (file.Values("blk.0.attn_q.weight"), source["model.layers.0.self_attn.q_proj.weight"]);
        for (var row = 0; row < shape.Heads * shape.HeadDim; row++)
        {
            var from = GgufConverter.SourceRow(row, shape.HeadDim);
            stored[(row * shape.Hidden)..((row + 1) * shape.Hidden)].ShouldBe(query[(from * shape.Hidden)..((from + 1) * shape.Hidden)]);
        }
    }

    [Fact]
    public void Qwen_files_keep_the_order_of_rows_and_have_biases()
    {
        var file = Converted(RandomShape.TinyQwen, GgufType.F32);
        var source = Weights(RandomShape.TinyQwen);
        file.Metadata["general.architecture"].ShouldBe("qwen2");
        file.Values("blk.0.attn_k.weight").ShouldBe(source["model.layers.0.self_attn.k_proj.weight"]);
        file.Values("blk.1.attn_q.bias").ShouldBe(source["model.layers.1.self_attn.q_proj.bias"]);
    }

    [Theory]
    [InlineData("tiny-llama", GgufType.Q6K)]
    [InlineData("tiny-qwen2", GgufType.Q80)] // its rows are no whole blocks of 256
    internal void The_embedding_of_a_four_bit_file_has_more_bits(string shape, GgufType embedding)
    {
        var file = Converted(RandomShape.Find(shape), GgufType.Q40);
        file.Tensors["token_embd.weight"].Type.ShouldBe(embedding);
        file.Tensors["blk.0.ffn_up.weight"].Type.ShouldBe(GgufType.Q40);
        file.Tensors["blk.0.ffn_norm.weight"].Type.ShouldBe(GgufType.F32);
        var source = Weights(RandomShape.Find(shape))["model.embed_tokens.weight"];
        file.Values("token_embd.weight").Zip(source, (a, b) => Math.Abs(a - b)).Max().ShouldBeLessThan(0.005f);
    }

    [Fact]
    public void Tensors_lie_aligned_behind_each_other_and_fill_the_file()
    {
        var file = Converted(RandomShape.TinyQwen, GgufType.Q80);
        var end = 0L;
        foreach (var (type, dimensions, offset) in file.Tensors.Values)
        {
            ((long)offset).ShouldBe(end);
            end = (offset + type.SizeBytes(dimensions.Aggregate(1L, (product, size) => product * size)) + 31) / 32 * 32;
        }
        ((long)file.Length).ShouldBe(file.DataStart + end);
    }

    [Fact]
    public void The_tokenizer_comes_along_and_rows_without_a_token_are_named()
    {
        var shape = RandomShape.TinyQwen;
        var file = Converted(shape, GgufType.Bf16);
        var (tokens, types) = ((object[])file.Metadata["tokenizer.ggml.tokens"], (object[])file.Metadata["tokenizer.ggml.token_type"]);
        tokens.Length.ShouldBe(shape.Vocabulary);
        tokens.Distinct().Count().ShouldBe(tokens.Length);
        (tokens[0], types[0]).ShouldBe(("\u0100", 1));
        (tokens[shape.Entries], types[shape.Entries]).ShouldBe(("<|begin_of_text|>", 3));
        (tokens[^1], types[^1]).ShouldBe(($"[PAD{shape.Vocabulary - 1}]", 5));
        ((object[])file.Metadata["tokenizer.ggml.merges"]).Length.ShouldBe(shape.Entries - 256);
        (file.Metadata["tokenizer.ggml.pre"], file.Metadata["tokenizer.ggml.bos_token_id"]).ShouldBe(("qwen2", (uint)shape.Entries));
    }

    [Fact]
    public void A_model_that_the_file_could_not_hold_is_refused()
    {
        RandomModel.Write(RandomShape.TinyLlama, _folder.Path);
        var config = File.ReadAllText(_folder["config.json"]);
        File.WriteAllText(_folder["config.json"], config.Replace("\"rope_theta\"", "\"attention_bias\": true, \"rope_theta\"", StringComparison.Ordinal));
        Should.Throw<UsageException>(() => GgufConverter.Convert(_folder.Path, GgufType.Bf16, _folder["out.gguf"]))
            .Message.ShouldContain("LlamaForCausalLM");
        File.Exists(_folder["out.gguf"]).ShouldBeFalse();
    }

    public void Dispose() => _folder.Dispose();

    private GgufReader Converted(RandomShape shape, GgufType type)
    {
        RandomModel.Write(shape, _folder.Path);
        GgufConverter.Convert(_folder.Path, type, _folder["out.gguf"]);
        return new(_folder["out.gguf"]);
    }

    /// <summary>The bf16 tensors of model.safetensors, by the offsets of its header.</summary>
    private Dictionary<string, float[]> Weights(RandomShape shape)
    {
        var bytes = File.ReadAllBytes(_folder["model.safetensors"]);
        var start = 8 + (int)BitConverter.ToUInt64(bytes);
        using var header = System.Text.Json.JsonDocument.Parse(bytes.AsMemory(8, start - 8));
        return shape.Tensors().ToDictionary(tensor => tensor.Name, tensor =>
        {
            var offsets = header.RootElement.GetProperty(tensor.Name).GetProperty("data_offsets");
            return GgufReader.Dequantize(GgufType.Bf16, bytes.AsSpan(start + offsets[0].GetInt32()), (int)tensor.ElementCount);
        });
    }
}
