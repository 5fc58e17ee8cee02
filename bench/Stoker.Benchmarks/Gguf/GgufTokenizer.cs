using System.Text.Json;
using Stoker.Engine.Tokenization.Patterns;

namespace Stoker.Benchmarks.Gguf;

/// <summary>A byte-level BPE tokenizer.json as the keys that GGUF has for it.</summary>
internal static class GgufTokenizer
{
    private const int Normal = 1, Control = 3, UserDefined = 4, Unused = 5; // token types

    /// <param name="rows">Of the embedding: ids that no token has are filled up.</param>
    /// <exception cref="UsageException">A tokenizer of another kind.</exception>
    public static void Add(GgufMetadata metadata, string folder, int rows)
    {
        using var document = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, "tokenizer.json")));
        var root = document.RootElement;
        var model = root.GetProperty("model");
        if (model.GetProperty("type").GetString() != "BPE") throw new UsageException("Only byte-level BPE tokenizers are converted.");
        var (tokens, types) = (new string[rows], new int[rows]);
        for (var id = 0; id < rows; id++) (tokens[id], types[id]) = ($"[PAD{id}]", Unused);
        foreach (var entry in model.GetProperty("vocab").EnumerateObject()) Set(entry.Value.GetInt32(), entry.Name, Normal);
        if (root.TryGetProperty("added_tokens", out var added) && added.ValueKind == JsonValueKind.Array)
        {
            foreach (var token in added.EnumerateArray())
            {
                Set(token.GetProperty("id").GetInt32(), token.GetProperty("content").GetString()!, token.GetProperty("special").GetBoolean() ? Control : UserDefined);
            }
        }

        metadata.Add("tokenizer.ggml.model", "gpt2");
        metadata.Add("tokenizer.ggml.pre", Splitting(root.GetProperty("pre_tokenizer")));
        metadata.Add("tokenizer.ggml.tokens", tokens);
        metadata.Add("tokenizer.ggml.token_type", types);
        metadata.Add("tokenizer.ggml.merges", [.. model.GetProperty("merges").EnumerateArray().Select(Merge)]);
        AddEnds(metadata, folder);

        void Set(int id, string text, int type) => (tokens[id], types[id]) = (text, type);
    }

    private static string Merge(JsonElement merge) => merge.ValueKind == JsonValueKind.String
        ? merge.GetString()!
        : $"{merge[0].GetString()} {merge[1].GetString()}";

    private static string Splitting(JsonElement preTokenizer)
    {
        var pattern = preTokenizer.TryGetProperty("pretokenizers", out var steps) ? steps[0].GetProperty("pattern").GetProperty("Regex").GetString() : null;
        return pattern switch
        {
            KnownPatterns.Llama3 => "llama-bpe",
            KnownPatterns.Qwen2 => "qwen2",
            _ => throw new UsageException("The tokenizer's split pattern is neither Llama-3's nor Qwen-2's."),
        };
    }

    /// <summary>Of several end tokens GGUF knows one: the first.</summary>
    private static void AddEnds(GgufMetadata metadata, string folder)
    {
        using var document = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, "config.json")));
        var config = document.RootElement;
        if (First(config, "bos_token_id") is { } bos) metadata.Add("tokenizer.ggml.bos_token_id", bos);
        if (First(config, "eos_token_id") is { } eos) metadata.Add("tokenizer.ggml.eos_token_id", eos);
    }

    private static uint? First(JsonElement config, string key) => !config.TryGetProperty(key, out var value) ? null : value.ValueKind switch
    {
        JsonValueKind.Number => value.GetUInt32(),
        JsonValueKind.Array => value[0].GetUInt32(),
        _ => null,
    };
}
