using Stoker.Engine.Models;
using Stoker.Engine.Weights;

namespace Stoker.Engine.Addons;

/// <summary>Puts one addon into the weights while they are packed: W + scale · B A in float32, then rounded as the precision says.</summary>
internal static class AddonMerge
{
    private const string Suffix = ".weight";

    /// <summary>The plan with the addon's modules changed, each read when it is packed.</summary>
    /// <param name="addon">Stays open until the plan is packed.</param>
    /// <exception cref="ModelLoadException">A module's weight is not in the plan, or one of its numbers is none.</exception>
    public static PackPlan Into(PackPlan plan, AddonFile addon)
    {
        addon.Read(_ => { }); // every number looked at: found in the middle, it would cost the packing of a whole model
        var changes = addon.Modules.ToDictionary(module => module.Path + Suffix, module => ChangeOf(addon, module), StringComparer.Ordinal);
        var merged = new HashSet<string>(StringComparer.Ordinal);
        var items = plan.Items.Select(item => item with { Sources = [.. item.Sources.Select(Merge)] }).ToList();
        return changes.Keys.FirstOrDefault(tensor => !merged.Contains(tensor)) is { } missing
            ? throw new ModelLoadException(PeftAddon.WeightsFile, missing, "is not a weight of the base model")
            : plan with { Items = items };

        PackSource Merge(PackSource source)
        {
            if (!changes.TryGetValue(source.Tensor, out var change)) return source;
            merged.Add(source.Tensor);
            return source with { Matrix = source.Matrix.With(change) };
        }
    }

    private static WeightChange ChangeOf(AddonFile addon, AddonModule module) =>
        new(module.Rank, module.A.Columns, module.Scale, use => addon.Read(module, read => use(read.A, read.B)));
}
