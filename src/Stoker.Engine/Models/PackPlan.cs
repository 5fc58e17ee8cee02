using Stoker.Engine.Weights;

namespace Stoker.Engine.Models;

/// <summary>
/// What a packed model holds: every matrix and vector of the graph, in the order of use, found in a checkpoint under its
/// Hugging Face name with exactly the shape the config asks for.
/// </summary>
/// <remarks>Works on headers alone too: that is how an upload is validated.</remarks>
/// <param name="Precision">Format of the projections, such as <c>bf16</c>: part of a packed file's identity.</param>
internal sealed record PackPlan(string Precision, IReadOnlyList<PackItem> Items)
{
    /// <summary>Bytes of all matrices.</summary>
    public long SizeBytes => Items.Sum(item => item.IsMatrix ? item.SizeBytes : 0);

    /// <exception cref="ModelLoadException">A tensor is missing, has another shape or type, or has no place in the
    /// graph.</exception>
    public static PackPlan Create(DecoderSpec spec, Checkpoint checkpoint, Precision precision) =>
        new PackPlanReader(spec, checkpoint, spec.Quantization is { } stored && precision == Engine.Precision.Auto ? stored.Precision : precision).Read();
}
