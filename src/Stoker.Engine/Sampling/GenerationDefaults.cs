using System.Text.Json;
using Stoker.Engine.Weights;

namespace Stoker.Engine.Sampling;

/// <summary>What a model's <c>generation_config.json</c> says: sampling defaults and end tokens.</summary>
/// <remarks>
/// Without the file, or without end tokens in it, those of <c>config.json</c> count. <c>do_sample</c> is not read: an
/// API caller who wants the most likely tokens says temperature 0. Lengths in the file are not limits here.
/// </remarks>
internal sealed record GenerationDefaults(SamplingOptions Sampling, IReadOnlyList<int> EndTokens)
{
    private const string File = "generation_config.json";

    public static GenerationDefaults Load(string modelFolder)
    {
        using var generation = JsonFile.FindObject(modelFolder, File);
        using var config = JsonFile.FindObject(modelFolder, "config.json");
        var ends = EndTokensIn(generation, File);
        if (ends.Count == 0) ends = EndTokensIn(config, "config.json");
        return new(generation is null ? SamplingOptions.Unset : SamplingIn(generation.RootElement), ends);
    }

    private static SamplingOptions SamplingIn(JsonElement root) => new()
    {
        Temperature = Number(root, "temperature", 0, 2),
        TopP = Number(root, "top_p", 0, 1, aboveLow: true),
        TopK = TopK(root),
        MinP = Number(root, "min_p", 0, 1),
        RepetitionPenalty = Number(root, "repetition_penalty", 0, 2, aboveLow: true),
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

    private static int? TopK(JsonElement root)
    {
        var number = Number(root, "top_k", 0, int.MaxValue);
        if (number is { } k && k != Math.Floor(k)) throw new ModelLoadException(File, "top_k", "must be an integer");
        return (int?)number;
    }

    // The ranges are those of a request: what passes here is never refused later.
    private static double? Number(JsonElement root, string name, double low, double high, bool aboveLow = false)
    {
        if (!root.TryGetProperty(name, out var value) || value.ValueKind == JsonValueKind.Null) return null;
        if (value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var number)
            && (aboveLow ? number > low : number >= low) && number <= high)
        {
            return number;
        }
        throw new ModelLoadException(File, name, FormattableString.Invariant(
            $"must be a number {(aboveLow ? "above" : "from")} {low} {(aboveLow ? "and at most" : "to")} {high}"));
    }
}
