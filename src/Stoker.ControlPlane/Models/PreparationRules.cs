using Stoker.Api.Names;
using Stoker.Api.Problems;
using Stoker.ControlPlane.Resources;

namespace Stoker.ControlPlane.Models;

/// <summary>What can be prepared, and whether it has to be. Pure.</summary>
internal static class PreparationRules
{
    /// <summary>Why these files cannot be prepared for any precision; null when they can.</summary>
    public static string? WhyNever(ModelInspection seen) =>
        seen.Kind != ModelKind.HfBaseModel
            ? $"is a {WireEnum.TextOf(seen.Kind)}: prepare the base model, addons and draft heads stay in 16 bits"
            : !seen.Precisions.Any(precision => precision.IsAsStored())
                ? $"is stored in {string.Join(", ", seen.Precisions.Select(WireEnum.TextOf))}, and each further rounding would lose more: upload its 16-bit checkpoint as a model of its own"
                : null;

    /// <param name="asked">As on the wire.</param>
    public static Result<Precision> Check(ModelName name, ModelStatus status, string? asked)
    {
        var violations = new Violations();
        if (!WireEnum.TryParse<Precision>(asked, out var precision) || !Precisions.Preparable.Contains(precision))
        {
            var was = precision switch
            {
                Precision.Fp16 or Precision.Bf16 => $"{asked} is how a model is stored and needs no preparing",
                _ when string.IsNullOrEmpty(asked) => "is required",
                _ => $"was '{(asked.Length <= 40 ? asked : asked[..40] + "...")}'",
            };
            violations.Add("precision", $"must be one of {string.Join(", ", Precisions.Preparable.Select(WireEnum.TextOf))}: {was}");
            return violations.ToProblem();
        }

        if (status.Inspection is { } seen && WhyNever(seen) is { } why && !status.Precisions().Contains(precision))
        {
            violations.Add("precision", $"cannot be prepared: {name} {why}");
            return violations.ToProblem();
        }

        return status.State == ModelState.Ready && status.Inspection is not null
            ? precision
            : Problem.FailedPrecondition($"{name} has no weights here yet: upload its files with `firectl upload model {name} PATH`, then prepare it");
    }
}
