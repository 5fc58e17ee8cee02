using System.Text.Json.Nodes;
using Stoker.Engine.Models;

namespace Stoker.Engine.Tests.Models;

/// <summary>A small config.json of some architecture with changed keys; a null value writes JSON null.</summary>
internal static class TestConfig
{
    public static DecoderSpec Spec(string architecture, params (string Key, string? Json)[] changes) =>
        Architectures.Read(Read(architecture, changes));

    public static ConfigObject Read(string architecture, params (string Key, string? Json)[] changes)
    {
        var config = new JsonObject
        {
            ["architectures"] = new JsonArray(architecture),
            ["hidden_size"] = 64,
            ["intermediate_size"] = 128,
            ["num_hidden_layers"] = 4,
            ["num_attention_heads"] = 4,
            ["num_key_value_heads"] = 2,
            ["head_dim"] = 16,
            ["vocab_size"] = 100,
            ["max_position_embeddings"] = 2048,
        };
        foreach (var (key, json) in changes)
        {
            config[key] = json is null ? null : JsonNode.Parse(json);
        }

        return Parse(config.ToJsonString());
    }

    public static ConfigObject Parse(string json)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.File("config.json"), json);
        return ConfigObject.Read(folder.Path, "config.json");
    }
}
