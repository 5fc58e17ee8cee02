using Stoker.Api.Problems;
using Stoker.Api.Resources;
using Stoker.ControlPlane.Resources;

namespace Stoker.ControlPlane.Models;

/// <summary>Whether what an owner said of a model agrees with its files.</summary>
internal static class ModelFit
{
    public static Problem? Check(ModelSpec spec, ModelInspection seen)
    {
        var violations = new Violations();
        if (spec.Kind != seen.Kind)
        {
            var how = seen.Kind == ModelKind.DraftAddon ? " and its base (firectl create model ID PATH --base-model BASE)" : "";
            violations.Add(
                "kind", $"is {WireEnum.TextOf(spec.Kind)}, but the files are of a {WireEnum.TextOf(seen.Kind)}: delete this one and create the model with that kind{how}");
            return violations.ToProblem();
        }

        if (spec.Resource.ConversationConfig is not null && !seen.SupportsChat)
        {
            violations.Add("conversation_config", "is set, but the files hold no chat template: add one to tokenizer_config.json or chat_template.jinja");
        }

        if (seen.Peft is { } peft) CheckAdapter(spec, peft, violations);
        return violations.Any ? violations.ToProblem() : null;
    }

    /// <summary>The context length that holds: the owner's, but never more than the files allow.</summary>
    public static int? ContextLength(int? asked, ModelInspection? seen) =>
        asked > seen?.ContextLength ? seen.ContextLength : asked ?? seen?.ContextLength;

    /// <summary>
    /// What was said before the files were there and turned out to be too much; it is no reason to refuse them.
    /// </summary>
    public static string? Warning(ModelResource spec, ModelInspection seen) => spec.ContextLength > seen.ContextLength
        ? $"context_length was set to {spec.ContextLength}, but the files allow {seen.ContextLength}: that holds"
        : null;

    private static void CheckAdapter(ModelSpec spec, PeftInspection peft, Violations violations)
    {
        var details = spec.Resource.PeftDetails!;
        violations.Require(peft.R == details.R, "peft_details.r", $"is {details.R}, but adapter_config.json says {peft.R}");
        violations.Require(
            peft.TargetModules.ToHashSet().SetEquals(details.TargetModules ?? []),
            "peft_details.target_modules",
            $"is {string.Join(", ", details.TargetModules ?? [])}, but adapter_config.json says {string.Join(", ", peft.TargetModules)}");
    }
}
