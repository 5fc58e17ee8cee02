using System.Text.Json;

namespace Stoker.Engine.Weights;

/// <summary><c>model.safetensors.index.json</c>: which shard holds which tensor.</summary>
internal static class ShardIndex
{
    public const string FileName = "model.safetensors.index.json";

    /// <summary>A map of 200,000 names takes some 20 MB.</summary>
    private const long MaxBytes = 100_000_000;

    /// <summary>Tensor name to bare shard file name.</summary>
    /// <exception cref="ModelLoadException">Not the expected JSON, or a shard name that leaves the folder.</exception>
    public static Dictionary<string, string> Read(string folder)
    {
        using var document = JsonFile.Read(folder, FileName, MaxBytes);
        if (document.RootElement.ValueKind != JsonValueKind.Object
            || !document.RootElement.TryGetProperty("weight_map", out var map) || map.ValueKind != JsonValueKind.Object)
        {
            throw new ModelLoadException(FileName, "weight_map", "must be an object of tensor name to file name");
        }

        var shards = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var entry in map.EnumerateObject())
        {
            var shard = entry.Value.ValueKind == JsonValueKind.String ? entry.Value.GetString()! : "";
            if (!IsBareName(shard))
            {
                throw new ModelLoadException(
                    FileName, entry.Name, "its shard must be the bare name of a .safetensors file in this folder, without a path");
            }

            shards.Add(entry.Name, shard);
        }

        return shards.Count > 0 ? shards : throw new ModelLoadException(FileName, "weight_map", "lists no tensor");
    }

    /// <summary>Path traversal ends here: no separator of any system, no drive, no control character.</summary>
    internal static bool IsBareName(string name) =>
        name.EndsWith(".safetensors", StringComparison.Ordinal) && !name.StartsWith('.')
        && name.All(character => char.IsAsciiLetterOrDigit(character) || character is '-' or '_' or '.');
}
