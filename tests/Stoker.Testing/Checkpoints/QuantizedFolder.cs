using System.Buffers.Binary;
using System.Text.Json.Nodes;

namespace Stoker.Testing.Checkpoints;

/// <summary>
/// Writes a model folder with its projections quantised, and beside it the same numbers as plain float32: what any reader of
/// the first has to compute.
/// </summary>
public static class QuantizedFolder
{
    /// <summary>Codes and scales, and a config that says so.</summary>
    /// <param name="keep">Modules that stay as they are.</param>
    public static void Write(string source, string target, QuantizedForm form, Func<string, bool>? keep = null) =>
        Write(source, target, form, keep, dequantised: false);

    /// <summary>Code times scale, rounded once to float32.</summary>
    public static void WriteDequantised(string source, string target, QuantizedForm form, Func<string, bool>? keep = null) =>
        Write(source, target, form, keep, dequantised: true);

    private static void Write(string source, string target, QuantizedForm form, Func<string, bool>? keep, bool dequantised)
    {
        CopyOthers(source, target, dequantised ? null : form.Config);
        var tensors = new SortedDictionary<string, PlainTensor>(StringComparer.Ordinal);
        foreach (var (name, tensor) in PlainCheckpoint.Read(source))
        {
            if (IsProjection(name) && !(keep?.Invoke(ModuleOf(name)) ?? false)) Quantise(name, tensor, form, dequantised, tensors);
            else tensors[name] = tensor;
        }

        PlainCheckpoint.Write(target, tensors);
    }

    private static void CopyOthers(string source, string target, JsonObject? quantization)
    {
        foreach (var file in Directory.EnumerateFiles(source))
        {
            if (file.Contains(".safetensors", StringComparison.Ordinal) || Path.GetFileName(file) == "config.json") continue;
            File.WriteAllBytes(Path.Combine(target, Path.GetFileName(file)), File.ReadAllBytes(file)); // fixtures may be read-only
        }

        var config = JsonNode.Parse(File.ReadAllText(Path.Combine(source, "config.json")))!.AsObject();
        if (quantization is not null) config["quantization_config"] = quantization.DeepClone();
        File.WriteAllText(Path.Combine(target, "config.json"), config.ToJsonString());
    }

    private static string ModuleOf(string tensor) => tensor[..^".weight".Length];

    private static bool IsProjection(string tensor) =>
        tensor.EndsWith("_proj.weight", StringComparison.Ordinal) || (tensor.Contains(".experts.", StringComparison.Ordinal) && tensor.EndsWith(".weight", StringComparison.Ordinal));

    private static void Quantise(string name, PlainTensor tensor, QuantizedForm form, bool dequantised, SortedDictionary<string, PlainTensor> into)
    {
        var (rows, columns) = ((int)tensor.Shape[0], (int)tensor.Shape[1]);
        var (high, wide) = (form.BlockRows == 0 ? rows : form.BlockRows, form.BlockColumns == 0 ? columns : form.BlockColumns);
        var (down, across) = ((rows + high - 1) / high, (columns + wide - 1) / wide);
        var values = tensor.Values();
        var scales = new float[down * across];
        for (var at = 0; at < values.Length; at++)
        {
            ref var scale = ref scales[(at / columns / high * across) + (at % columns / wide)];
            scale = Math.Max(scale, Math.Abs(values[at]) / (form.IsInt8 ? 127 : PlainE4M3.Largest));
        }

        for (var block = 0; block < scales.Length; block++) scales[block] = Round(scales[block], form);
        var (codes, numbers) = (new byte[values.Length], new float[values.Length]);
        for (var at = 0; at < values.Length; at++)
        {
            var scale = scales[(at / columns / high * across) + (at % columns / wide)];
            var scaled = scale == 0 ? 0 : values[at] / scale;
            codes[at] = form.IsInt8 ? (byte)(sbyte)Math.Clamp(MathF.Round(scaled, MidpointRounding.ToEven), -127, 127) : PlainE4M3.Encode(scaled);
            numbers[at] = (form.IsInt8 ? (sbyte)codes[at] : PlainE4M3.Decode(codes[at])) * scale;
        }

        if (dequantised)
        {
            into[name] = PlainTensor.Of(tensor.Shape, numbers);
            return;
        }

        into[name] = new(form.IsInt8 ? "I8" : "F8_E4M3", tensor.Shape, codes);
        into[ModuleOf(name) + form.ScaleName] = Scales(form, scales, form.BlockRows == 0 && form.BlockColumns == 0 ? [] : [down, across]);
        if (form.HasActivationScales) into[ModuleOf(name) + ".input_scale"] = PlainTensor.Of([], [0.25f]);
        if (form.HasActivationScales && name.EndsWith("k_proj.weight", StringComparison.Ordinal))
        {
            into[name.Replace("k_proj.weight", "k_scale", StringComparison.Ordinal)] = PlainTensor.Of([1], [0.5f]);
        }
    }

    private static float Round(float scale, QuantizedForm form) => (form.HasPowerOfTwoScales, form.ScaleType) switch
    {
        (true, _) when scale > 0 => MathF.ScaleB(1, (int)Math.Ceiling(Math.Log2(scale))),
        (_, "BF16") => BitConverter.Int32BitsToSingle(BitConverter.SingleToInt32Bits(scale) & unchecked((int)0xFFFF0000)),
        _ => scale,
    };

    private static PlainTensor Scales(QuantizedForm form, float[] scales, long[] shape)
    {
        if (form.ScaleType == "F32") return PlainTensor.Of(shape, scales);
        var bytes = new byte[scales.Length * sizeof(ushort)];
        for (var i = 0; i < scales.Length; i++)
        {
            BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(i * sizeof(ushort)), (ushort)(BitConverter.SingleToUInt32Bits(scales[i]) >> 16));
        }

        return new("BF16", shape, bytes);
    }
}
