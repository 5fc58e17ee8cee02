using System.Globalization;
using Stoker.Api.Problems;
using Stoker.ControlPlane.Capacity;
using Stoker.ControlPlane.Models;
using Stoker.ControlPlane.Resources;

namespace Stoker.ControlPlane.Deployments;

/// <summary>
/// Whether the accelerators of one replica hold the model and what runs with it. A replica on too few would never start, and its
/// deployment would find that out after its tries; here the answer comes at once and has the figures.
/// </summary>
internal static class DeploymentSize
{
    /// <param name="current">The spec to be updated: what it already has is not questioned again.</param>
    public static void Check(DeploymentSpec spec, Model model, Model? draft, DeploymentSpec? current, Violations violations)
    {
        if (spec.DisableSizeValidation || (current is not null && NeedsTheSame(spec, current))) return;
        var memory = DeploymentCapacity.MemoryOf(spec, model, draft);
        var (type, count) = (spec.AcceleratorType, spec.AcceleratorCount);
        if (AcceleratorNeed.Fewest(type, memory, spec.LongPrompt) is not { } fewest || count >= fewest) return;
        violations.Add("accelerator_count", string.Create(
            CultureInfo.InvariantCulture,
            $"must be at least {fewest}, was {count}: {model.Name} needs {Gigabytes(spec.LongPrompt ? 2.0 * memory!.Total : memory!.Total)}"
            + $"{(spec.LongPrompt ? ", twice the" : ", the")} {Listed(Parts(spec, model, draft, memory))}, "
            + $"and {count} {type} have {Gigabytes(AcceleratorNeed.UsableBytes(type, count))} for it, nine tenths of their memory. "
            + $"Ask for more of them, for a larger accelerator_type, or for a shorter max_context_length"));
    }

    private static IEnumerable<string> Parts(DeploymentSpec spec, Model model, Model? draft, ReplicaMemory memory)
    {
        yield return $"{Gigabytes(memory.Weights)} of its weights{(spec.Precision.IsAsStored() ? "" : $" at {WireEnum.TextOf(spec.Precision)}")}";
        var cache = spec.KvPrecision == KvPrecision.Bf16 ? "" : $" at {WireEnum.TextOf(spec.KvPrecision)}";
        yield return $"{About(model.KvBytesPerToken)}{Gigabytes(memory.Cache)} for a context of {DeploymentCapacity.ContextLength(spec, model)} tokens{cache}";
        if (memory.Draft > 0) yield return $"{About(draft?.KvBytesPerToken)}{Gigabytes(memory.Draft)} of {draft?.Name}, which drafts";
        if (memory.AddonPool > 0)
        {
            yield return $"{About(model.AddonBytesPerRank)}{Gigabytes(memory.AddonPool)} for {DeploymentCapacity.LoadedAddons(spec)} addons of rank {ReplicaMemory.UsualRank}";
        }
    }

    private static string Listed(IEnumerable<string> parts)
    {
        string[] all = [.. parts];
        return $"{string.Join(", ", all[..^1])} and {all[^1]}";
    }

    /// <summary>Where nobody read the files, it is an estimate.</summary>
    private static string About(long? known) => known is null ? "about " : "";

    private static bool NeedsTheSame(DeploymentSpec spec, DeploymentSpec current) =>
        spec.RunsAs(current) && spec.DisableSizeValidation == current.DisableSizeValidation;

    private static string Gigabytes(double bytes) => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e9:0.#} GB");
}
