using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Stoker.Engine.Weights;
using Stoker.Engine.Weights.Packed;

namespace Stoker.Engine.Models.Preparing;

/// <summary>The JSON files of a prepared model that differ from its source's.</summary>
internal static class PreparedConfig
{
    /// <summary>Relaxed: what the source writes in plain letters stays readable.</summary>
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true, NewLine = "\n", Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>config.json with the form of the weights; all other keys as they are.</summary>
    public static byte[] Config(string sourceFolder, PreparedPlan plan)
    {
        var config = JsonNode.Parse(File.ReadAllBytes(Path.Combine(sourceFolder, LanguageModel.ConfigFile)))!.AsObject();
        config["quantization_config"] = Quantization(plan);
        return JsonSerializer.SerializeToUtf8Bytes(config, Indented);
    }

    /// <summary>Which tensor lies in which file; null where there is one file.</summary>
    public static byte[]? Index(PreparedPlan plan)
    {
        if (plan.Files is [{ Name: Checkpoint.SingleFileName }]) return null;
        var map = new JsonObject();
        foreach (var (name, file) in plan.Files.SelectMany(file => file.Tensors.Select(tensor => (tensor.Name, File: file.Name))).OrderBy(entry => entry.Name, StringComparer.Ordinal))
        {
            map[name] = file;
        }

        var index = new JsonObject { ["metadata"] = new JsonObject { ["total_size"] = plan.DataBytes }, ["weight_map"] = map };
        return JsonSerializer.SerializeToUtf8Bytes(index, Indented);
    }

    /// <summary>The files that a variant is of, as they were.</summary>
    public static byte[] Sources(IReadOnlyList<SourceFile> files) => JsonSerializer.SerializeToUtf8Bytes(
        new JsonArray([.. files.Where(file => file.SizeBytes >= 0).Select(file => new JsonObject
        {
            ["name"] = file.Name,
            ["size_bytes"] = file.SizeBytes,
            ["modified_ticks"] = file.ModifiedTicks,
            ["ends_checksum"] = file.EndsChecksum,
        })]), Indented);

    private static JsonObject Quantization(PreparedPlan plan)
    {
        var isInteger = plan.Codes == TensorType.I8;
        var type = isInteger ? "int" : "float";
        return new()
        {
            ["quant_method"] = "compressed-tensors",
            ["format"] = isInteger ? "int-quantized" : "float-quantized",
            ["quantization_status"] = "compressed",
            ["config_groups"] = new JsonObject
            {
                ["group_0"] = new JsonObject
                {
                    ["targets"] = new JsonArray("Linear"),
                    ["weights"] = Arguments(type, "channel", dynamic: false),
                    ["input_activations"] = Arguments(type, "token", dynamic: true),
                    ["output_activations"] = null,
                },
            },
            ["ignore"] = new JsonArray([.. plan.Ignored.Select(module => JsonValue.Create(module))]),
            ["kv_cache_scheme"] = null,
        };
    }

    private static JsonObject Arguments(string type, string strategy, bool dynamic) => new()
    {
        ["num_bits"] = 8,
        ["type"] = type,
        ["symmetric"] = true,
        ["strategy"] = strategy,
        ["dynamic"] = dynamic,
        ["group_size"] = null,
    };
}
