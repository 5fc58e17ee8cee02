using System.Text.Json.Nodes;

namespace Stoker.Testing.Checkpoints;

/// <summary>One of the ways in which vendors publish quantised weights.</summary>
/// <param name="Config">The <c>quantization_config</c> of config.json.</param>
/// <param name="BlockRows">Rows and columns under one scale; 0: all of them.</param>
/// <param name="ScaleName">Behind the module's path.</param>
public sealed record QuantizedForm(JsonObject Config, int BlockRows, int BlockColumns, string ScaleName)
{
    /// <summary>I8 codes, else E4M3.</summary>
    public bool IsInt8 { get; init; }

    public string ScaleType { get; init; } = "F32";

    /// <summary>Scales are rounded up to powers of two, as where they have 8 bits.</summary>
    public bool HasPowerOfTwoScales { get; init; }

    /// <summary>With the scales of activations and of the KV cache that some publish.</summary>
    public bool HasActivationScales { get; init; }

    /// <summary>DeepSeek and Qwen: one scale per block.</summary>
    public static QuantizedForm Blocks(int rows, int columns) => new(
        new() { ["quant_method"] = "fp8", ["fmt"] = "e4m3", ["activation_scheme"] = "dynamic", ["weight_block_size"] = new JsonArray(rows, columns) },
        rows, columns, ".weight_scale_inv");

    /// <summary>One scale for each tensor, activations with scales of their own.</summary>
    public static QuantizedForm Tensors() =>
        new(new() { ["quant_method"] = "fp8", ["activation_scheme"] = "static" }, 0, 0, ".weight_scale") { HasActivationScales = true };

    /// <summary>One scale for each row; activations bounded.</summary>
    public static QuantizedForm Fbgemm() => new(
        new() { ["quant_method"] = "fbgemm_fp8", ["activation_scale_ub"] = 1200, ["modules_to_not_convert"] = new JsonArray("lm_head") }, 1, 0, ".weight_scale");

    /// <param name="strategy"><c>tensor</c>, <c>channel</c> or <c>block</c>.</param>
    /// <param name="blockRows">Of <c>block</c>.</param>
    public static QuantizedForm CompressedTensors(string strategy, bool isInt8 = false, int blockRows = 0, int blockColumns = 0)
    {
        var weights = new JsonObject
        {
            ["num_bits"] = 8,
            ["type"] = isInt8 ? "int" : "float",
            ["symmetric"] = true,
            ["strategy"] = strategy,
            ["dynamic"] = false,
            ["group_size"] = null,
        };
        if (strategy == "block") weights["block_structure"] = new JsonArray(blockRows, blockColumns);
        return new(
            new()
            {
                ["quant_method"] = "compressed-tensors",
                ["format"] = isInt8 ? "int-quantized" : "float-quantized",
                ["quantization_status"] = "compressed",
                ["config_groups"] = new JsonObject
                {
                    ["group_0"] = new JsonObject
                    {
                        ["targets"] = new JsonArray("Linear"),
                        ["weights"] = weights,
                        ["input_activations"] = new JsonObject { ["num_bits"] = 8, ["type"] = "float", ["strategy"] = "token", ["dynamic"] = true },
                    },
                },
                ["ignore"] = new JsonArray("lm_head"),
            },
            strategy == "channel" ? 1 : blockRows, blockColumns, ".weight_scale")
        {
            IsInt8 = isInt8,
        };
    }
}
