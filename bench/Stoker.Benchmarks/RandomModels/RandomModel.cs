using System.Diagnostics;
using System.Globalization;

namespace Stoker.Benchmarks.RandomModels;

/// <summary>A Hugging Face folder in the shape of a known model with seeded random weights: good for timing, not for reading.</summary>
internal static class RandomModel
{
    private const int DefaultSeed = 20260101;

    public static void Run(string[] args)
    {
        var arguments = new Arguments(args, ["SHAPE", "DIR"], "--vocab", "--seed");
        var shape = RandomShape.Find(arguments[0]);
        var vocabulary = arguments.Integer("--vocab", shape.Vocabulary, 1, 1_000_000);
        var start = Stopwatch.GetTimestamp();
        Write(shape.WithVocabulary(vocabulary), arguments[1], (ulong)arguments.Integer("--seed", DefaultSeed, 0, int.MaxValue));
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture, $"{arguments[1]}: {shape.Name} in {Stopwatch.GetElapsedTime(start).TotalSeconds:F1} s"));
    }

    /// <summary>The weights last: a folder that has them is whole.</summary>
    public static void Write(RandomShape shape, string folder, ulong seed = DefaultSeed)
    {
        Directory.CreateDirectory(folder);
        RandomTokenizer.Write(shape, folder);
        File.WriteAllText(Path.Combine(folder, "config.json"), Config(shape));
        File.WriteAllText(Path.Combine(folder, "generation_config.json"), $$"""
            {"bos_token_id": {{RandomTokenizer.Bos(shape)}}, "eos_token_id": [{{RandomTokenizer.Eos(shape)}}], "do_sample": true, "temperature": 0.7, "top_p": 0.9}

            """);
        SafetensorsWriter.Write(Path.Combine(folder, "model.safetensors"), [.. shape.Tensors()], seed);
    }

    /// <summary>Whether <see cref="Write"/> ended for this folder.</summary>
    public static bool IsWhole(string folder) => File.Exists(Path.Combine(folder, "model.safetensors"));

    private static string Config(RandomShape shape) => string.Create(CultureInfo.InvariantCulture, $$"""
        {
          "architectures": ["{{(shape.Family == "qwen2" ? "Qwen2ForCausalLM" : "LlamaForCausalLM")}}"],
          "model_type": "{{shape.Family}}",
          "vocab_size": {{shape.Vocabulary}},
          "hidden_size": {{shape.Hidden}},
          "intermediate_size": {{shape.Intermediate}},
          "num_hidden_layers": {{shape.Layers}},
          "num_attention_heads": {{shape.Heads}},
          "num_key_value_heads": {{shape.KvHeads}},
          "head_dim": {{shape.HeadDim}},
          "hidden_act": "silu",
          "max_position_embeddings": {{shape.ContextLength}},
          "rms_norm_eps": {{shape.NormEpsilon}},
          "rope_theta": {{shape.RopeTheta}},
          "tie_word_embeddings": true,
          "bos_token_id": {{RandomTokenizer.Bos(shape)}},
          "eos_token_id": {{RandomTokenizer.Eos(shape)}},
          "torch_dtype": "bfloat16"
        }

        """);
}
