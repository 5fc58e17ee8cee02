using Stoker.Api.Problems;
using Stoker.ControlPlane.Capacity;
using Stoker.ControlPlane.Models;
using Stoker.ControlPlane.Resources;

namespace Stoker.ControlPlane.Deployments;

/// <summary>
/// Deployments of an addon, whose replicas merge it into the weights of its base while they pack them: what is refused. Pure. What
/// the base model itself does not allow, <see cref="DeploymentRules.ForModel"/> says.
/// </summary>
internal static class MergeRules
{
    /// <summary>INVALID_ARGUMENT for what can never be merged.</summary>
    public static Problem? Check(DeploymentSpec spec, DeploymentTarget target)
    {
        if (target is not { Merged: { } addon, Model: var model }) return null;
        var violations = new Violations();
        violations.Require(
            !spec.EnableAddons,
            "enable_addons",
            $"cannot be set with an addon as base_model: {addon.Name} becomes part of the weights, and the deployment takes no others. "
            + $"Leave it out, or deploy {model.Name} with --enable-addons and load the addon there (firectl deploy {addon.Name} --deployment ID)");
        violations.Require(
            addon.Peft?.R is not > ModelSpec.MaxRank, "base_model", $"{addon.Name} has rank {addon.Peft?.R}, and addons of rank {ModelSpec.MaxRank} at most are merged");
        violations.Require(!model.IsReady || model.SupportsLora, "base_model", $"addons are not supported for {model.Name}");
        if (spec.AcceleratorType != AcceleratorType.Cpu && !DeploymentRules.PrecisionOf(spec, model).IsAsStored())
        {
            violations.Add("precision", "invalid deployment: addons cannot be enabled with quantized precisions (FP8/FP4)");
        }

        return violations.Any ? violations.ToProblem() : null;
    }

    /// <summary>
    /// FAILED_PRECONDITION for what has to happen first. No precision of a 16-bit base has to be prepared: what was prepared is
    /// the base without the addon, so the weights are packed at every start, in any precision.
    /// </summary>
    public static Problem? Startable(DeploymentSpec spec, Model addon, Model model)
    {
        if (DeploymentRules.WithoutWeights(addon) is { } missing) return missing;
        if (DeploymentRules.WithoutWeights(model) is { } baseless) return baseless with { Message = $"{addon.Name} is an addon, and its base model {baseless.Message}" };
        var precisions = model.SupportedPrecisions;
        return spec.Precision == Precision.PrecisionUnspecified || precisions.Any(precision => precision.IsAsStored()) || precisions.Contains(spec.Precision)
            ? null
            : Problem.FailedPrecondition(
                $"{model.Name}, the base of {addon.Name}, is stored in {string.Join(", ", precisions.Select(WireEnum.TextOf))}, and merged in "
                + $"{WireEnum.TextOf(spec.Precision)} it would be rounded twice: leave the precision out, or upload the base's 16-bit checkpoint and an addon of that");
    }
}
