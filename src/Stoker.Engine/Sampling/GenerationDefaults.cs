using System.Text.Json;

namespace Stoker.Engine.Sampling;

/// <summary>What a model's <c>generation_config.json</c> says: sampling defaults and end tokens.</summary>
/// <remarks>
/// Without the file, or without end tokens in it, those of <c>config.json</c> count. <c>do_sample</c> is not read: an API
/// caller who wants the most likely tokens says temperature 0. Lengths in the file are not limits here.
/// </remarks>
internal sealed record GenerationDefaults(SamplingOptions Sampling, IReadOnlyList<int> EndTokens)
{
    private const string File = "generation_config.json";

    public static GenerationDefaults Load(string modelFolder)
    {
        using var generation = Read(modelFolder, File);
        using var config = Read(modelFolder, "config.json");
        var ends = EndTokensIn(generation, File);
        if (ends.Count == 0) ends = EndTokensIn(config, "config.json");
        return new(generation is null ? SamplingOptions.Unset : SamplingIn(generation.RootElement), ends);
    }

    private static SamplingOptions SamplingIn(JsonElement root) => new()
    {
        Temperature = Number(root, "temperature", 0, 2),
        TopP = Number(root, "top_p", 0, 1),
        TopK = (int?)Number(root, "top_k", 0, int.MaxValue),
        MinP = Number(root, "min_p", 0, 1),
        RepetitionPenalty = Number(root, "repetition_penalty", 0, 2),
    };

    private static List<int> EndTokensIn(JsonDocument? document, string file)
    {
        if (document is null || !document.RootElement.TryGetProperty("eos_token_id", out var value)) return [];
        return value.ValueKind switch
        {
            JsonValueKind.Null => [],
            JsonValueKind.Array => [.. value.EnumerateArray().Select(item => TokenId(item, file))],
            _ => [TokenId(value, file)],
        };
    }

    private static int TokenId(JsonElement value, string file) =>
        value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var id) && id >= 0
            ? id
            : throw new ModelLoadException(file, "eos_token_id", $"must be a token id or a list of them, was {value.ValueKind}");

    private static double? Number(JsonElement root, string name, double low, double high)
    {
        if (!root.TryGetProperty(name, out var value) || value.ValueKind == JsonValueKind.Null) return null;
        if (value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var number) && number >= low && number <= high) return number;
        throw new ModelLoadException(File, name, FormattableString.Invariant($"must be a number from {low} to {high}"));
    }

    private static JsonDocument? Read(string modelFolder, string file)
    {
        var path = Path.Combine(modelFolder, file);
        if (!System.IO.File.Exists(path)) return null;
        try
        {
            using var stream = System.IO.File.OpenRead(path);
            var document = JsonDocument.Parse(stream);
            if (document.RootElement.ValueKind == JsonValueKind.Object) return document;
            document.Dispose();
        }
        catch (JsonException error)
        {
            throw new ModelLoadException(file, null, $"is not JSON: {error.Message}", error);
        }
        throw new ModelLoadException(file, null, "must be a JSON object");
    }
}
