using Stoker.Engine.Weights;
using Stoker.Engine.Weights.Quantized;

namespace Stoker.Engine.Models.Quantized;

/// <summary>A checkpoint's weights, each with the scales that config.json says it has.</summary>
/// <remarks>
/// A tensor's own type decides whether it is quantised: several vendors leave their router or head in 16 bits without a
/// word. Codes that the config knows nothing of are refused, because their scale would be a guess.
/// </remarks>
internal sealed class QuantizedWeights
{
    /// <summary>Of activations and of the KV cache; see <see cref="QuantizationReader"/>.</summary>
    private static readonly string[] NotUsed =
        [".input_scale", ".output_scale", ".q_scale", ".k_scale", ".v_scale", ".kv_scale", ".prob_scale", ".input_scale_ub"];

    private const string WeightSuffix = ".weight";

    /// <summary>448 times it is still far from the end of float32.</summary>
    private const float LargestScale = 1e30f;

    private readonly Checkpoint _checkpoint;
    private readonly Quantization? _quantization;

    public QuantizedWeights(Checkpoint checkpoint, Quantization? quantization)
    {
        (_checkpoint, _quantization) = (checkpoint, quantization);
        if (quantization is null) return;
        foreach (var tensor in checkpoint.Tensors)
        {
            if (Array.Exists(NotUsed, suffix => tensor.Name.EndsWith(suffix, StringComparison.Ordinal))) checkpoint.Ignore(tensor.Name);
        }
    }

    /// <summary>A weight of exactly this shape, as stored.</summary>
    /// <exception cref="ModelLoadException">Missing, of another shape or type, or with scales that do not fit.</exception>
    public WeightMatrix Matrix(string name, int rows, int columns)
    {
        if (_quantization is null || _checkpoint.Find(name) is not { Type: TensorType.F8E4M3 or TensorType.I8 } codes)
        {
            return _checkpoint.Matrix(name, rows, columns);
        }

        var module = name.EndsWith(WeightSuffix, StringComparison.Ordinal) ? name[..^WeightSuffix.Length] : name;
        var form = _quantization.FormOf(module) ?? throw Fail(
            name, $"has type {codes.Type.HeaderName()}, but by quantization_config in config.json the module is not quantised: what its codes stand for is not said");
        // The shape first: the scales' sizes follow from it.
        _ = _checkpoint.Codes(name, form.Type, rows, columns, scales: null);
        return _checkpoint.Codes(name, form.Type, rows, columns, Scales(module + form.ScaleName, form, rows, columns));
    }

    private WeightScales? Scales(string name, StoredForm form, int rows, int columns)
    {
        var (blockRows, blockColumns) = form.Strategy switch
        {
            ScaleStrategy.Tensor => (rows, columns),
            ScaleStrategy.Channel => (1, columns),
            _ => (form.BlockRows, form.BlockColumns),
        };
        long[] needed = [WeightScales.Count(rows, blockRows), WeightScales.Count(columns, blockColumns)];
        var shape = _checkpoint.Find(name)?.Shape ?? needed; // a missing one is told of by name
        if (!Fits(shape, needed))
        {
            throw Fail(name, $"has shape [{string.Join(", ", shape)}], {form} needs [{string.Join(", ", needed)}]");
        }

        var values = _checkpoint.Values(name, [.. shape]);
        if (_checkpoint.HasHeadersOnly) return null;
        foreach (var value in values)
        {
            if (value is not (>= 0 and <= LargestScale)) throw Fail(name, $"holds {value}; scales from 0 to {LargestScale} are supported");
        }

        return new WeightScales(values, rows, columns, blockRows, blockColumns);
    }

    /// <summary>One column of scales may be a vector, one scale alone a scalar.</summary>
    private static bool Fits(IReadOnlyList<long> shape, long[] needed) => shape switch
    {
        [var rows, var columns] => rows == needed[0] && columns == needed[1],
        [var rows] => rows == needed[0] && needed[1] == 1,
        [] => needed is [1, 1],
        _ => false,
    };

    private ModelLoadException Fail(string name, string reason) => new(_checkpoint.FileOf(name), name, reason);
}
