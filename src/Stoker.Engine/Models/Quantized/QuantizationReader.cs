using Stoker.Engine.Weights;

namespace Stoker.Engine.Models.Quantized;

/// <summary>Reads <c>quantization_config</c>; what would need another way of computing is refused by name.</summary>
/// <remarks>
/// What it says of activations is not followed: the scales there make a checkpoint run on hardware with 8 bit products.
/// The engine multiplies the same weights with activations of more bits, which is what the weights were rounded for.
/// </remarks>
internal static class QuantizationReader
{
    private const string Key = "quantization_config";
    private const int MaxBlock = 1 << 16;
    private const int MaxGroups = 8;

    private const string Supported =
        "supported are fp8, fbgemm_fp8, and compressed-tensors of the formats float-quantized, naive-quantized and int-quantized";

    private const string NextStep = "take the model's 16-bit checkpoint; it can be quantised here (stoker pack --precision fp8, int8 or fp4)";

    /// <summary>Null: the checkpoint is not quantised.</summary>
    /// <exception cref="ModelLoadException">A method or a setting that is not supported.</exception>
    public static Quantization? Read(ConfigObject config)
    {
        if (config.IsUnused(Key)) return null;
        var settings = config.Object(Key)!;
        return settings.Text("quant_method") switch
        {
            "fp8" => Fp8(settings),
            "fbgemm_fp8" => new(
                "fbgemm_fp8",
                [new(ModuleList.Everything, new(TensorType.F8E4M3, ScaleStrategy.Channel, ".weight_scale"))],
                ModuleList.ReadParts(settings, "modules_to_not_convert")),
            "compressed-tensors" => CompressedTensors(settings),
            null => throw settings.Fail("quant_method", $"is missing; {Supported}"),
            var other => throw settings.Fail("quant_method", $"'{other}' is not supported; {Supported}. Else {NextStep}"),
        };
    }

    private static Quantization Fp8(ConfigObject settings)
    {
        Require(settings, "fmt", settings.Text("fmt"), null, "e4m3", "float8_e4m3fn");
        Require(settings, "activation_scheme", settings.Text("activation_scheme"), null, "dynamic", "static");
        var ignored = settings.Has("ignored_layers") ? "ignored_layers" : "modules_to_not_convert";
        return new("fp8", [new(ModuleList.Everything, Form())], ModuleList.ReadParts(settings, ignored));

        StoredForm Form() => settings.Integers("weight_block_size", 1, MaxBlock) switch
        {
            [] => new(TensorType.F8E4M3, ScaleStrategy.Tensor, ".weight_scale"),
            [var rows, var columns] => new(TensorType.F8E4M3, ScaleStrategy.Block, ".weight_scale_inv", rows, columns), // it multiplies, whatever its name
            var sizes => throw settings.Fail("weight_block_size", $"has {sizes.Count} numbers, rows and columns are needed"),
        };
    }

    private static Quantization CompressedTensors(ConfigObject settings)
    {
        foreach (var key in (string[])["transform_config", "actorder"]) RequireUnused(settings, key);
        if (settings.Object("sparsity_config") is { } sparsity) Require(sparsity, "format", sparsity.Text("format"), null, "dense");
        var format = settings.Text("format");
        if (settings.Object("config_groups") is not { } groups) throw settings.Fail("config_groups", "is missing");
        var names = groups.Keys.ToList();
        if (names.Count > MaxGroups) throw settings.Fail("config_groups", $"has {names.Count} groups, at most {MaxGroups} are supported");
        QuantizedGroup[] read = [.. names.Select(groups.Object).Where(group => group?.Has("weights") == true).Select(group => Group(group!, format))];
        return read.Length > 0
            ? new("compressed-tensors", read, ModuleList.ReadNames(settings, "ignore"))
            : throw settings.Fail("config_groups", "has no group with weights");
    }

    private static QuantizedGroup Group(ConfigObject group, string? formatOfAll)
    {
        var weights = group.Object("weights")!;
        var type = (group.Text("format") ?? formatOfAll, weights.Text("type")) switch
        {
            ("float-quantized", "float") or ("naive-quantized", "float") => TensorType.F8E4M3,
            ("int-quantized", "int") or ("naive-quantized", "int") => TensorType.I8,
            (null, _) => throw group.Fail("format", $"is missing; {Supported}"),
            var (format, of) => throw group.Fail("format", $"'{format}' of type '{of ?? "none"}' is not supported; {Supported}. Else {NextStep}"),
        };
        weights.Integer("num_bits", 8, 8);
        foreach (var key in (string[])["dynamic", "actorder", "group_size"]) RequireUnused(weights, key);
        if (!weights.Flag("symmetric", absent: true)) throw weights.Fail("symmetric", "is false: only weights without zero points are supported");
        var form = weights.Text("strategy") switch
        {
            "tensor" => new StoredForm(type, ScaleStrategy.Tensor, ".weight_scale"),
            "channel" => new StoredForm(type, ScaleStrategy.Channel, ".weight_scale"),
            "block" when weights.Integers("block_structure", 1, MaxBlock) is [var rows, var columns] =>
                new StoredForm(type, ScaleStrategy.Block, ".weight_scale", rows, columns),
            "block" => throw weights.Fail("block_structure", "must be rows and columns, such as [128, 128]"),
            var other => throw weights.Fail("strategy", $"'{other ?? "none"}' is not supported; known: tensor, channel, block"),
        };
        return new(group.Has("targets") ? ModuleList.ReadNames(group, "targets") : ModuleList.Everything, form);
    }

    private static void Require(ConfigObject config, string key, string? value, params string?[] allowed)
    {
        if (!allowed.Contains(value)) throw config.Fail(key, $"'{value}' is not supported; known: {string.Join(", ", allowed.Where(name => name is not null))}");
    }

    private static void RequireUnused(ConfigObject config, string key)
    {
        if (!config.IsUnused(key)) throw config.Fail(key, "is not supported and would change the results");
    }
}
