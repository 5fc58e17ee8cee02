using System.Globalization;
using Stoker.Api.Problems;
using Stoker.ControlPlane.Capacity;
using Stoker.ControlPlane.Models;
using Stoker.ControlPlane.Resources;

namespace Stoker.ControlPlane.Deployments;

/// <summary>
/// Whether the accelerators of one replica hold the model. A replica on too few would never start, and its deployment would
/// find that out after its tries; here the answer comes at once and has the figures.
/// </summary>
internal static class DeploymentSize
{
    /// <param name="current">The spec to be updated: what it already has is not questioned again.</param>
    public static void Check(DeploymentSpec spec, Model model, DeploymentSpec? current, Violations violations)
    {
        if (spec.DisableSizeValidation || (current is not null && NeedsTheSame(spec, current))) return;
        var context = DeploymentCapacity.ContextLength(spec, model);
        var (type, count) = (spec.AcceleratorType, spec.AcceleratorCount);
        var fewest = AcceleratorNeed.Fewest(type, model, spec.Precision, context, spec.LongPrompt);
        if (fewest is null || count >= fewest) return;

        var needed = AcceleratorNeed.MemoryBytes(model, spec.Precision, context)!.Value;
        var weights = AcceleratorNeed.Weights(model, spec.Precision)!.Value;
        var (cache, about) = (needed - weights, model.KvBytesPerToken is null ? "about " : "");
        violations.Add("accelerator_count", string.Create(
            CultureInfo.InvariantCulture,
            $"must be at least {fewest}, was {count}: {model.Name} needs {Gigabytes(spec.LongPrompt ? 2.0 * needed : needed)}"
            + $"{(spec.LongPrompt ? ", twice the" : ", the")} {Gigabytes(weights)} of its weights{At(spec.Precision)} and {about}{Gigabytes(cache)} for a context of {context} tokens, "
            + $"and {count} {type} have {Gigabytes(AcceleratorNeed.UsableBytes(type, count))} for it, nine tenths of their memory. "
            + $"Ask for more of them, for a larger accelerator_type, or for a shorter max_context_length"));
    }

    private static bool NeedsTheSame(DeploymentSpec spec, DeploymentSpec current) =>
        spec.RunsAs(current) && spec.DisableSizeValidation == current.DisableSizeValidation;

    private static string At(Precision precision) => precision.IsAsStored() ? "" : $" at {WireEnum.TextOf(precision)}";

    private static string Gigabytes(double bytes) => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e9:0.#} GB");
}
