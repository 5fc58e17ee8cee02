using Stoker.Api.Names;
using Stoker.Api.Problems;
using Stoker.Api.Resources;
using Stoker.ControlPlane.Models;
using Stoker.ControlPlane.Resources;

namespace Stoker.ControlPlane.Deployments;

/// <summary>Which model drafts for a deployment, and whether it can. Pure.</summary>
internal static class DraftRules
{
    private const string Field = "draft_model";

    /// <summary>What longer ones would find, a shorter one finds too.</summary>
    private const int MaxNgramLength = 32;

    /// <summary>The draft model that a model proposes, for a create that says nothing of drafts; null when there is none.</summary>
    public static (ModelName Draft, int Tokens)? DefaultFor(DeploymentResource asked, Model model)
    {
        if (asked is not { DraftModel: null or "", NgramSpeculationLength: null or 0 } || asked.DraftTokenCount == 0) return null;
        return model is { DefaultDraftModel: { } draft, DefaultDraftTokenCount: > 0 and var tokens } ? (draft, asked.DraftTokenCount ?? tokens) : null;
    }

    /// <summary>INVALID_ARGUMENT for a create that names drafts and disables them in one.</summary>
    public static Problem? WhileDisabled(DeploymentResource asked)
    {
        var field = asked.DraftModel is { Length: > 0 } ? Field : asked.NgramSpeculationLength > 0 ? "ngram_speculation_length" : null;
        if (field is null || asked.DraftTokenCount == 0) return null;
        var violations = new Violations();
        violations.Add(field, "cannot be set together with disableSpeculativeDecoding (--disable-speculative-decoding): leave one of the two out");
        return violations.ToProblem();
    }

    /// <summary>INVALID_ARGUMENT for a draft that can never serve this model.</summary>
    /// <param name="current">The spec to be updated: what drafts there already is not questioned again.</param>
    public static Problem? Fits(Model target, Drafted drafted, DeploymentSpec? current)
    {
        if (drafted.Spec.Drafting is not { } drafting || drafting == current?.Drafting) return null;
        if (WhyNever(target, drafted.Draft!) is not { } why) return null;
        var violations = new Violations();
        violations.Add(Field, why + WayOut(target, drafted));
        return violations.ToProblem();
    }

    /// <summary>FAILED_PRECONDITION for one without its files.</summary>
    public static Problem? Startable(Model target, Drafted drafted) => drafted is not { Draft: { IsReady: false } draft, Spec.Drafting: not null }
        ? null
        : Problem.FailedPrecondition(
            $"draft_model: {draft.Name} has no weights here yet: upload its files with `firectl upload model {draft.Name} PATH` and try again{WayOut(target, drafted)}");

    private static string WayOut(Model target, Drafted drafted) =>
        drafted.IsDefault ? $" (the default draft model of {target.Name}; --disable-speculative-decoding leaves it out)" : "";

    public static Violations CheckCounts(DeploymentSpec spec, Model model)
    {
        var violations = new Violations();
        violations.Require(
            spec.DraftTokenCount is null or <= ModelSpec.MaxDraftTokens,
            "draft_token_count", $"must be at most {ModelSpec.MaxDraftTokens}, was {spec.DraftTokenCount}: longer drafts are hardly ever accepted whole");
        violations.Require(
            spec.NgramSpeculationLength <= MaxNgramLength,
            "ngram_speculation_length", $"must be at most {MaxNgramLength}, was {spec.NgramSpeculationLength}");
        violations.Require(
            spec is not { DraftModel: null, NgramSpeculationLength: 0, DraftTokenCount: > 0 },
            "draft_token_count", $"needs draft_model or ngram_speculation_length beside it: {Proposal(model)}. --draft-token-count 0 drafts nothing");
        return violations;
    }

    private static string Proposal(Model model) => model.DefaultDraftModel is { } draft
        ? $"the default draft model of {model.Name} is taken by a create that does not disable speculative decoding, and by nothing else: name it (--draft-model {draft})"
        : $"{model.Name} has no default draft model";

    /// <summary>Why it can never draft for the model; null: it may.</summary>
    public static string? WhyNever(Model target, Model draft)
    {
        if (draft.Name == target.Name) return $"must be another model: {target.Name} drafting for itself would take as long as without drafts, and longer";
        switch (draft.Kind)
        {
            // A model's own default is its keeper's word: Llama 3's head is the one that was trained for Llama 3.1.
            case ModelKind.DraftAddon when draft.BaseModel != target.Name && target.DefaultDraftModel != draft.Name:
                return $"{draft.Name} is a draft head for {draft.BaseModel?.ToString() ?? "another model"} and drafts for nothing else: choose a head trained for {target.Name}";
            case ModelKind.DraftAddon when Differ(draft.HiddenSize, target.HiddenSize):
                return $"{draft.Name} reads states of {draft.HiddenSize} values, {target.Name} has {target.HiddenSize}: it is a head for another version of the model";
            case ModelKind.DraftAddon or ModelKind.HfBaseModel or ModelKind.CustomModel:
                break;
            default:
                return $"must be a base model or a draft addon, {draft.Name} is a {WireEnum.TextOf(draft.Kind)}";
        }

        return draft.VocabularyDigest is { } own && target.VocabularyDigest is { } other && own != other
            ? $"{draft.Name} has another vocabulary than {target.Name}, so its tokens stand for other text: choose a draft model with the same tokenizer"
            : null;
    }

    private static bool Differ(int? one, int? other) => one is not null && other is not null && one != other;
}

/// <summary>A spec with its draft model.</summary>
/// <param name="Draft">Null: none was asked for or proposed.</param>
/// <param name="IsDefault">The caller did not ask for it by name.</param>
internal sealed record Drafted(DeploymentSpec Spec, Model? Draft, bool IsDefault);
