using System.Text.Json;
using Stoker.Benchmarks.Encode;
using Stoker.Engine.Tokenization.Patterns;

namespace Stoker.Benchmarks.RandomModels;

/// <summary>A byte-level BPE tokenizer of the shape's size, with real merges over made-up words, and a ChatML template.</summary>
internal static class RandomTokenizer
{
    /// <summary>Made-up words whose beginnings suffice for 152,000 entries.</summary>
    private const int Words = 80_000;

    private static readonly string[] Named = ["<|begin_of_text|>", "<|end_of_text|>", "<|im_start|>", "<|im_end|>"];

    public static int Bos(RandomShape shape) => shape.Entries;

    public static int Eos(RandomShape shape) => shape.Entries + 1;

    public static void Write(RandomShape shape, string folder)
    {
        var pattern = shape.Family == "qwen2" ? KnownPatterns.Qwen2 : KnownPatterns.Llama3;
        string[] added = [.. Enumerable.Range(0, shape.Specials).Select(index => index < Named.Length ? Named[index] : $"<|reserved_special_token_{index}|>")];
        var json = SyntheticVocabulary.Build(SyntheticText.Words(Words), shape.Entries, pattern, added);
        File.WriteAllBytes(Path.Combine(folder, "tokenizer.json"), json);
        File.WriteAllText(Path.Combine(folder, "tokenizer_config.json"), Config(shape));
    }

    private static string Config(RandomShape shape) => JsonSerializer.Serialize(new Dictionary<string, object>
    {
        ["add_bos_token"] = shape.Family == "llama",
        ["bos_token"] = Named[0],
        ["eos_token"] = Named[1],
        ["chat_template"] =
            "{%- for message in messages %}{{- '<|im_start|>' + message['role'] + '\\n' + message['content'] | trim + '<|im_end|>\\n' }}{%- endfor %}"
            + "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}",
        ["clean_up_tokenization_spaces"] = false,
        ["model_max_length"] = shape.ContextLength,
        ["tokenizer_class"] = "PreTrainedTokenizerFast",
    });
}
