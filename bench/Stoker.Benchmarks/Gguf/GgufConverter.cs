using System.Diagnostics;
using System.Globalization;
using Stoker.Engine.Models;
using Stoker.Engine.Weights;

namespace Stoker.Benchmarks.Gguf;

/// <summary>
/// A llama or qwen2 model folder as a GGUF file of the same weights, so that another engine computes the same model.
/// </summary>
/// <remarks>
/// Norms and biases are float32. A Q4_0 file has its embedding, which is also the output head, in Q6_K, or in Q8_0 where
/// rows are not whole blocks of 256: as real files have it.
/// </remarks>
internal static class GgufConverter
{
    public static void Run(string[] args)
    {
        var arguments = new Arguments(args, ["FOLDER", "TYPE", "FILE"]);
        var start = Stopwatch.GetTimestamp();
        Convert(arguments[0], GgufTypes.Parse(arguments[1]), arguments[2]);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{arguments[2]}: {new FileInfo(arguments[2]).Length / 1e6:F1} MB in {Stopwatch.GetElapsedTime(start).TotalSeconds:F1} s"));
    }

    /// <exception cref="UsageException">An architecture or a feature that is not converted.</exception>
    public static void Convert(string folder, GgufType type, string file)
    {
        var spec = Architectures.Read(ConfigObject.Read(folder, LanguageModel.ConfigFile));
        var family = Family(spec);
        using var checkpoint = Checkpoint.Open(folder, WeightPlacement.Mapped);
        using var metadata = new GgufMetadata();
        AddSizes(metadata, spec, family, type);
        GgufTokenizer.Add(metadata, folder, spec.VocabularySize);
        List<GgufTensor> tensors = [.. Tensors(spec, family, checkpoint, type)];
        checkpoint.RefuseUnclaimed("the GGUF file");
        GgufWriter.Write(file, metadata, tensors);
    }

    private static string Family(DecoderSpec spec)
    {
        var plain = spec.Experts is null && !spec.FusedProjections && !spec.Gemma && !spec.QkNorm && !spec.OutputBias && !spec.MlpBias
            && spec.Ropes is [{ Type: RopeType.Default }] && spec.Layers.All(layer => layer.Window == 0);
        return (spec.Architecture, plain, spec.QkvBias) switch
        {
            ("LlamaForCausalLM", true, false) => "llama",
            ("Qwen2ForCausalLM", true, true) => "qwen2",
            _ => throw new UsageException($"Only plain llama and qwen2 models are converted, not {spec.Architecture} with this config."),
        };
    }

    private static void AddSizes(GgufMetadata metadata, DecoderSpec spec, string family, GgufType type)
    {
        metadata.Add("general.architecture", family);
        metadata.Add("general.name", "converted for a comparison");
        metadata.Add("general.file_type", type.FileType());
        metadata.Add("general.quantization_version", 2u);
        metadata.Add($"{family}.context_length", (uint)spec.ContextLength);
        metadata.Add($"{family}.embedding_length", (uint)spec.HiddenSize);
        metadata.Add($"{family}.block_count", (uint)spec.Layers.Count);
        metadata.Add($"{family}.feed_forward_length", (uint)spec.IntermediateSize);
        metadata.Add($"{family}.attention.head_count", (uint)spec.Heads);
        metadata.Add($"{family}.attention.head_count_kv", (uint)spec.KvHeads);
        metadata.Add($"{family}.attention.key_length", (uint)spec.HeadDim);
        metadata.Add($"{family}.attention.value_length", (uint)spec.HeadDim);
        metadata.Add($"{family}.attention.layer_norm_rms_epsilon", spec.NormEpsilon);
        metadata.Add($"{family}.rope.freq_base", (float)spec.Ropes[0].Theta);
        metadata.Add($"{family}.rope.dimension_count", (uint)spec.RotatedDims);
        metadata.Add($"{family}.vocab_size", (uint)spec.VocabularySize);
    }

    private static IEnumerable<GgufTensor> Tensors(DecoderSpec spec, string family, Checkpoint checkpoint, GgufType type)
    {
        var (query, keyValue) = (spec.Heads * spec.HeadDim, spec.KvHeads * spec.HeadDim);
        var headType = type != GgufType.Q40 ? type : spec.HiddenSize % 256 == 0 ? GgufType.Q6K : GgufType.Q80;
        var pairs = family == "llama";
        yield return Matrix("token_embd.weight", "model.embed_tokens.weight", spec.VocabularySize, spec.HiddenSize, headType);
        yield return Vector("output_norm.weight", "model.norm.weight", spec.HiddenSize);
        if (!spec.TiedHead) yield return Matrix("output.weight", "lm_head.weight", spec.VocabularySize, spec.HiddenSize, headType);
        for (var layer = 0; layer < spec.Layers.Count; layer++)
        {
            var (to, from) = ($"blk.{layer}.", $"model.layers.{layer}.");
            yield return Vector(to + "attn_norm.weight", from + "input_layernorm.weight", spec.HiddenSize);
            yield return Matrix(to + "attn_q.weight", from + "self_attn.q_proj.weight", query, spec.HiddenSize, type, pairs);
            yield return Matrix(to + "attn_k.weight", from + "self_attn.k_proj.weight", keyValue, spec.HiddenSize, type, pairs);
            yield return Matrix(to + "attn_v.weight", from + "self_attn.v_proj.weight", keyValue, spec.HiddenSize, type);
            if (spec.QkvBias)
            {
                yield return Vector(to + "attn_q.bias", from + "self_attn.q_proj.bias", query);
                yield return Vector(to + "attn_k.bias", from + "self_attn.k_proj.bias", keyValue);
                yield return Vector(to + "attn_v.bias", from + "self_attn.v_proj.bias", keyValue);
            }
            yield return Matrix(to + "attn_output.weight", from + "self_attn.o_proj.weight", spec.HiddenSize, query, type);
            yield return Vector(to + "ffn_norm.weight", from + "post_attention_layernorm.weight", spec.HiddenSize);
            yield return Matrix(to + "ffn_gate.weight", from + "mlp.gate_proj.weight", spec.IntermediateSize, spec.HiddenSize, type);
            yield return Matrix(to + "ffn_up.weight", from + "mlp.up_proj.weight", spec.IntermediateSize, spec.HiddenSize, type);
            yield return Matrix(to + "ffn_down.weight", from + "mlp.down_proj.weight", spec.HiddenSize, spec.IntermediateSize, type);
        }

        GgufTensor Matrix(string to, string from, int rows, int columns, GgufType stored, bool paired = false)
        {
            var weight = checkpoint.Matrix(from, rows, columns);
            return new(to, stored, rows, columns, false, (row, target) => weight.WidenRow(paired ? SourceRow(row, spec.HeadDim) : row, target));
        }

        GgufTensor Vector(string to, string from, int length)
        {
            var values = checkpoint.Vector(from, length);
            return new(to, GgufType.F32, 1, length, true, (_, target) => values.CopyTo(target));
        }
    }

    /// <summary>
    /// llama files turn neighbouring rows of a head by rope, Hugging Face's turn row j with row j + dim/2: row 2j is j, row
    /// 2j + 1 is j + dim/2.
    /// </summary>
    internal static int SourceRow(int row, int headDim)
    {
        var (head, within) = (row / headDim, row % headDim);
        return (head * headDim) + (within % 2 * (headDim / 2)) + (within / 2);
    }
}
