using Stoker.Api.Names;
using Stoker.Api.Problems;
using Stoker.ControlPlane.Resources;

namespace Stoker.ControlPlane.Models;

/// <summary>What can be prepared, and whether it has to be. Pure.</summary>
internal static class PreparationRules
{
    private const string Safetensors = "stoker_safetensors";

    /// <summary>Why these files cannot be prepared for any precision; null when they can.</summary>
    public static string? WhyNever(ModelInspection seen) =>
        seen.Kind != ModelKind.HfBaseModel
            ? $"is a {WireEnum.TextOf(seen.Kind)}: prepare the base model, addons and draft heads stay in 16 bits"
            : !seen.Precisions.Any(precision => precision.IsAsStored())
                ? $"is stored in {string.Join(", ", seen.Precisions.Select(WireEnum.TextOf))}, and each further rounding would lose more: upload its 16-bit checkpoint as a model of its own"
                : null;

    /// <param name="asked">As on the wire.</param>
    /// <param name="safetensors">A variant for other engines too.</param>
    public static Result<Precision> Check(ModelName name, ModelStatus status, string? asked, bool safetensors = false)
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

        if (status.Inspection is { } seen && WhyNever(seen) is { } why)
        {
            var isThere = status.Precisions().Contains(precision);
            violations.Require(isThere, "precision", $"cannot be prepared: {name} {why}");
            violations.Require(!isThere || !safetensors, Safetensors, $"cannot be written: {name} is stored in {WireEnum.TextOf(precision)}, give other engines its own files");
            if (violations.Any) return violations.ToProblem();
        }

        if (safetensors && !Precisions.WithVariant.Contains(precision))
        {
            violations.Add(
                Safetensors, $"is for {string.Join(" and ", Precisions.WithVariant.Select(WireEnum.TextOf))} alone: there is no form of {WireEnum.TextOf(precision)} that other engines read with our scales");
            return violations.ToProblem();
        }

        return status.State == ModelState.Ready && status.Inspection is not null
            ? precision
            : Problem.FailedPrecondition($"{name} has no weights here yet: upload its files with `firectl upload model {name} PATH`, then prepare it");
    }

    /// <summary>Whether all that is asked for is there.</summary>
    /// <param name="variantIsThere">Its folder is; somebody may have removed it.</param>
    public static bool IsThere(ModelStatus status, Precision precision, bool safetensors, bool variantIsThere) => safetensors
        ? variantIsThere && status.Preparation(precision) is { State: PreparationState.Ready, SafetensorsBytes: not null }
        : status.Precisions().Contains(precision);

    /// <summary>What the row is to say of a wish for what is not there; null: it says so already.</summary>
    public static ModelPreparation? Asked(ModelPreparation? earlier, Precision precision, bool safetensors, DateTimeOffset now)
    {
        if (earlier is { IsOpen: true }) return safetensors && !earlier.Safetensors ? earlier with { Safetensors = true } : null;
        return new(precision, PreparationState.Pending, 0, null, now)
        {
            IsPacked = earlier?.IsPacked ?? false,
            PackedBytes = earlier?.PackedBytes,
            Safetensors = safetensors || earlier?.Safetensors == true,
        };
    }
}
