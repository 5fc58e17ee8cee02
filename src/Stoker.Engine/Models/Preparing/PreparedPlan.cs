using Stoker.Engine.Weights;

namespace Stoker.Engine.Models.Preparing;

/// <summary>All files of a prepared model, from the headers of its source.</summary>
/// <param name="Ignored">Modules whose weights stay as they are, beside embeddings and norms: the head and routers.</param>
internal sealed record PreparedPlan(TensorType Codes, IReadOnlyList<PreparedFile> Files, IReadOnlyList<string> Ignored)
{
    private const string WeightSuffix = ".weight";
    private const string HeadModule = "lm_head";

    public long LengthBytes => Files.Sum(file => file.LengthBytes);

    public long DataBytes => Files.Sum(file => file.DataBytes);

    /// <param name="precision">Fp8 or Int8.</param>
    /// <exception cref="ModelLoadException">The source does not hold the graph of its config, is quantised already, or has
    /// weights that the format has no place for.</exception>
    public static PreparedPlan Create(DecoderSpec spec, Checkpoint source, Precision precision)
    {
        if (spec.Quantization is { } stored)
        {
            throw new ModelLoadException(
                LanguageModel.ConfigFile, "quantization_config",
                $"says that the model is stored quantised ({stored}): other engines can be given it as it is; prepare its 16-bit checkpoint for another precision");
        }

        var codes = precision == Precision.Int8 ? TensorType.I8 : TensorType.F8E4M3;
        var items = PackPlan.Create(spec, source, Precision.F32).Items;
        var weights = items.Where(IsProjection).SelectMany(item => item.Sources).Select(part => part.Tensor).Distinct(StringComparer.Ordinal)
            .ToDictionary(name => name, name => WeightOf(source, name), StringComparer.Ordinal);
        var files = source.Tensors.GroupBy(tensor => source.FileOf(tensor.Name)).OrderBy(file => file.Key, StringComparer.Ordinal)
            .Select(file => PreparedFile.Plan(file.Key, file, weights, codes));
        var routers = items.Where(IsRouter).Select(item => item.Sources[0].Tensor[..^WeightSuffix.Length]);
        return new(codes, [.. files], [HeadModule, .. routers.Order(StringComparer.Ordinal)]);
    }

    private static bool IsRouter(PackItem item) => item.Name.EndsWith("." + PackNames.Router, StringComparison.Ordinal);

    private static bool IsProjection(PackItem item) => item.IsMatrix && item.Name is not (PackNames.Head or PackNames.Embedding) && !IsRouter(item);

    private static WeightMatrix WeightOf(Checkpoint source, string name) =>
        name.EndsWith(WeightSuffix, StringComparison.Ordinal) && source.Find(name)!.Shape is [var rows, var columns]
            ? source.Matrix(name, (int)rows, (int)columns)
            : throw new ModelLoadException(
                source.FileOf(name), name,
                $"has shape {source.Find(name)!.ShapeText}: experts in one tensor have no form in compressed-tensors; the packed file holds them (stoker pack)");
}
