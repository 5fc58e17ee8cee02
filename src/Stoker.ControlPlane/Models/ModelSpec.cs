using Stoker.Api.Names;
using Stoker.Api.Problems;
using Stoker.Api.Resources;
using Stoker.ControlPlane.Resources;

namespace Stoker.ControlPlane.Models;

/// <summary>
/// What a model's owner said of it. Only <see cref="From"/> makes one, so its rules hold wherever one is used.
/// </summary>
public sealed record ModelSpec
{
    private const int MaxNameLength = 63; // characters: "fewer than 64"
    private const int MaxDescriptionLength = 999; // "fewer than 1000"
    private const int MaxUrlLength = 2_000;
    private const int MaxContextLength = 16_777_216; // far above any model; keeps products of lengths within 64 bits
    internal const int MaxDraftTokens = 16; // a longer draft never pays: its last tokens are almost never accepted
    private const int MinRank = 4;
    internal const int MaxRank = 64; // of addons

    /// <summary>As engines have them: experts of a mixture, embeddings and heads are not changed by addons.</summary>
    private static readonly string[] TargetModules =
    [
        "q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj", "qkv_proj", "gate_up_proj",
    ];

    /// <summary>
    /// What an update may change. Kind, base and adapter shape describe the files and are fixed with them.
    /// </summary>
    public static readonly UpdatableFields Updatable = new(
        [
            "display_name", "description", "github_url", "hugging_face_url", "public", "conversation_config", "context_length",
            "training_context_length", "supports_image_input", "supports_tools", "supports_lora", "supports_serverless", "default_draft_model",
            "default_draft_token_count", "deprecation_date", "stoker_alternative", "snapshot_type", "teft_details", "use_hf_apply_chat_template",
        ],
        [
            "name", "create_time", "update_time", "created_by", "state", "status", "imported_from",
            "fine_tuning_job", "deployed_model_refs", "cluster", "calibrated", "tunable", "rl_tunable", "supported_precisions",
            "supported_precisions_with_calibration", "stoker_preparations", "default_sampling_params", "base_model_details.default_precision",
            "peft_details.base_model_type",
        ]);

    private ModelSpec(ModelResource resource, ModelKind kind) => (Resource, Kind) = (resource, kind);

    /// <summary>The wire record with the owner's fields alone, kind filled in: what is stored.</summary>
    public ModelResource Resource { get; }

    public ModelKind Kind { get; }

    public string? BaseModel => Resource.PeftDetails?.BaseModel;

    /// <summary>
    /// The rules of section 3.1 of the wire surface: what is wrong comes before what is right but not active yet.
    /// </summary>
    public static Result<ModelSpec> From(ModelResource body)
    {
        var violations = new Violations(); // all of them, so that the user mends the request in one go
        var kind = ParseKind(body.Kind, violations);
        CheckTexts(body, violations);
        CheckNumbers(body, violations);
        CheckDetails(body, kind, violations);
        CheckOutputs(body, violations);
        if (violations.Any) return violations.ToProblem();
        return NotActive(body, kind) is { } problem
            ? problem
            : new ModelSpec(body with { Kind = WireEnum.TextOf(kind) }, kind);
    }

    /// <summary>A stored one as today's rules would have it: drafts of up to 32 tokens were allowed once, and no later change of the model should fail for that.</summary>
    internal static ModelResource Renewed(ModelResource stored) =>
        stored.DefaultDraftTokenCount > MaxDraftTokens ? stored with { DefaultDraftTokenCount = MaxDraftTokens } : stored;

    /// <summary>The same spec with its base by its full name.</summary>
    internal ModelSpec WithBase(ModelName baseModel) =>
        new(Resource with { PeftDetails = Resource.PeftDetails! with { BaseModel = baseModel.ToString() } }, Kind);

    /// <summary>The same spec with its default draft model by its full name.</summary>
    internal ModelSpec WithDraft(ModelName draft) => new(Resource with { DefaultDraftModel = draft.ToString() }, Kind);

    /// <summary>The same spec with its serverless alternative by its full name.</summary>
    internal ModelSpec WithAlternative(ModelName alternative) => new(Resource with { StokerAlternative = alternative.ToString() }, Kind);

    private static ModelKind ParseKind(string? text, Violations violations)
    {
        if (string.IsNullOrEmpty(text)) return ModelKind.HfPeftAddon; // the documented default
        if (WireEnum.TryParse<ModelKind>(text, out var kind))
        {
            return kind == ModelKind.KindUnspecified ? ModelKind.HfPeftAddon : kind;
        }

        violations.Add("kind", $"must be one of {WireEnum.NamesOf<ModelKind>()}, was '{Shown(text)}'");
        return ModelKind.KindUnspecified;
    }

    private static void CheckTexts(ModelResource body, Violations violations)
    {
        CheckLength("display_name", body.DisplayName, MaxNameLength, violations);
        CheckLength("description", body.Description, MaxDescriptionLength, violations);
        CheckUrl("github_url", body.GithubUrl, violations);
        CheckUrl("hugging_face_url", body.HuggingFaceUrl, violations);
        if (body.ConversationConfig is { } conversation)
        {
            violations.Require(!string.IsNullOrEmpty(conversation.Style), "conversation_config.style", "is required");
            violations.Require(
                conversation.Style != "jinja" || !string.IsNullOrEmpty(conversation.Template),
                "conversation_config.template", "is required when the style is jinja");
        }
    }

    private static void CheckNumbers(ModelResource body, Violations violations)
    {
        CheckRange("context_length", body.ContextLength, 1, MaxContextLength, violations);
        CheckRange("training_context_length", body.TrainingContextLength, 1, MaxContextLength, violations);
        CheckRange("base_model_details.world_size", body.BaseModelDetails?.WorldSize, 1, 1024, violations);
        violations.Require(
            body.BaseModelDetails?.ParameterCount is null or >= 0, "base_model_details.parameter_count", "must be at least 0");
        violations.Require(
            body.DeprecationDate is null || ServerlessMark.DateOf(body.DeprecationDate) is not null, "deprecation_date", "must be a day of the calendar: year, month and day");
        if (string.IsNullOrEmpty(body.DefaultDraftModel))
        {
            violations.Require(
                body.DefaultDraftTokenCount is null or 0, "default_draft_token_count", "needs default_draft_model beside it");
        }
        else if (body.DefaultDraftTokenCount is null)
        {
            violations.Add("default_draft_token_count", $"is required beside default_draft_model: 1 to {MaxDraftTokens}, 4 is usual");
        }
        else
        {
            CheckRange("default_draft_token_count", body.DefaultDraftTokenCount, 1, MaxDraftTokens, violations);
        }
    }

    private static void CheckDetails(ModelResource body, ModelKind kind, Violations violations)
    {
        var isBase = kind == ModelKind.HfBaseModel;
        violations.Require(
            isBase == body.BaseModelDetails is not null || kind == ModelKind.KindUnspecified,
            "base_model_details",
            isBase ? "is required for kind HF_BASE_MODEL, at least {}" : "is for kind HF_BASE_MODEL alone: set kind or leave it out");
        if (body.BaseModelDetails?.CheckpointFormat is { Length: > 0 } format)
        {
            violations.Require(
                format is "CHECKPOINT_FORMAT_UNSPECIFIED" or "NATIVE" or "HUGGINGFACE" or "UNINITIALIZED",
                "base_model_details.checkpoint_format",
                $"must be HUGGINGFACE, was '{Shown(format)}'");
        }

        switch (kind)
        {
            case ModelKind.HfPeftAddon or ModelKind.HfTeftAddon:
                CheckAdapter(body.PeftDetails, violations);
                break;
            case ModelKind.DraftAddon: // a draft head belongs to a base too; its shape is its own
                violations.Require(
                    !string.IsNullOrEmpty(body.PeftDetails?.BaseModel),
                    "peft_details.base_model", "is required: the model that the draft head was trained for");
                violations.Require(body.PeftDetails is not { R: not null }, "peft_details.r", "is for LoRA addons alone");
                violations.Require(
                    body.PeftDetails is not { TargetModules.Count: > 0 }, "peft_details.target_modules", "is for LoRA addons alone");
                break;
            case not ModelKind.KindUnspecified:
                violations.Require(body.PeftDetails is null, "peft_details", $"is for addons alone, the kind is {WireEnum.TextOf(kind)}");
                break;
        }
    }

    private static void CheckAdapter(PeftDetailsResource? details, Violations violations)
    {
        if (details is null)
        {
            violations.Add("peft_details", "is required for an addon: base_model, r and target_modules");
            return;
        }

        violations.Require(!string.IsNullOrEmpty(details.BaseModel), "peft_details.base_model", "is required");
        violations.Require(
            details.R is >= MinRank and <= MaxRank,
            "peft_details.r", details.R is null ? $"is required: {MinRank} to {MaxRank}" : $"must be {MinRank} to {MaxRank}, was {details.R}");
        violations.Require(details.TargetModules is { Count: > 0 }, "peft_details.target_modules", "is required: at least one module");
        foreach (var module in (details.TargetModules ?? []).Where(module => !TargetModules.Contains(module)).Take(5))
        {
            violations.Add("peft_details.target_modules", $"must be of {string.Join(", ", TargetModules)}, was '{Shown(module)}'");
        }
    }

    private static void CheckOutputs(ModelResource body, Violations violations)
    {
        const string Why = "is set by the server: leave it out";
        violations.Require(body.CreateTime is null, "create_time", Why);
        violations.Require(body.UpdateTime is null, "update_time", Why);
        violations.Require(body.CreatedBy is null, "created_by", Why);
        violations.Require(body.State is null, "state", Why);
        violations.Require(body.Status is null, "status", Why);
        violations.Require(body.ImportedFrom is null, "imported_from", Why);
        violations.Require(body.FineTuningJob is null, "fine_tuning_job", Why);
        violations.Require(body.DeployedModelRefs is null, "deployed_model_refs", Why);
        violations.Require(body.Cluster is null, "cluster", Why);
        violations.Require(body.Calibrated is null, "calibrated", Why);
        violations.Require(body.Tunable is null, "tunable", Why);
        violations.Require(body.RlTunable is null, "rl_tunable", Why);
        violations.Require(body.SupportedPrecisions is null, "supported_precisions", Why);
        violations.Require(body.SupportedPrecisionsWithCalibration is null, "supported_precisions_with_calibration", Why);
        violations.Require(body.StokerPreparations is null, "stoker_preparations", Why);
        violations.Require(body.DefaultSamplingParams is null, "default_sampling_params", Why);
        violations.Require(body.BaseModelDetails?.DefaultPrecision is null, "base_model_details.default_precision", Why);
        violations.Require(body.PeftDetails?.BaseModelType is null, "peft_details.base_model_type", Why);
    }

    /// <summary>
    /// What the surface knows and this version does not do: refused by name, because accepted and ignored would be
    /// worse.
    /// </summary>
    private static Problem? NotActive(ModelResource body, ModelKind kind)
    {
        var violations = new Violations();
        const string Why = "is not available in this version";
        violations.Require(
            kind is ModelKind.HfBaseModel or ModelKind.HfPeftAddon or ModelKind.DraftAddon,
            "kind", $"{WireEnum.TextOf(kind)} {Why}: HF_BASE_MODEL, HF_PEFT_ADDON and DRAFT_ADDON are");
        violations.Require(body.TeftDetails is null, "teft_details", Why);
        violations.Require(body.SupportsImageInput is not true, "supports_image_input", Why);
        violations.Require(body.SnapshotType is null, "snapshot_type", Why);
        violations.Require(string.IsNullOrEmpty(body.PeftDetails?.MergeAddonModelName), "peft_details.merge_addon_model_name", Why);
        violations.Require(
            body.ConversationConfig is null or { Style: "huggingface", System: null, Template: null },
            "conversation_config",
            $"other than the style huggingface alone {Why}: put the template into chat_template.jinja among the files");
        var details = body.BaseModelDetails;
        violations.Require(details?.WorldSize is null or 1, "base_model_details.world_size", $"above 1 {Why}");
        violations.Require(
            details?.CheckpointFormat is not ("NATIVE" or "UNINITIALIZED"),
            "base_model_details.checkpoint_format", $"{details?.CheckpointFormat} {Why}: HUGGINGFACE is");
        violations.Require(details?.SupportsMtp is not true, "base_model_details.supports_mtp", Why);
        violations.Require(details?.SupportsFireattention is not true, "base_model_details.supports_fireattention", Why);
        violations.Require(details?.Tunable is not true, "base_model_details.tunable", Why);
        return violations.Any ? violations.ToProblem() with { Code = Code.Unimplemented } : null;
    }

    private static void CheckLength(string field, string? text, int most, Violations violations) =>
        violations.Require(text is null || text.Length <= most, field, $"must have at most {most} characters, had {text?.Length}");

    private static void CheckUrl(string field, string? text, Violations violations) => violations.Require(
        string.IsNullOrEmpty(text)
        || (text.Length <= MaxUrlLength && Uri.TryCreate(text, UriKind.Absolute, out var uri) && uri.Scheme is "https" or "http"),
        field, $"must be an http or https address of at most {MaxUrlLength} characters");

    private static void CheckRange(string field, int? value, int least, int most, Violations violations) =>
        violations.Require(value is null || (value >= least && value <= most), field, $"must be {least} to {most}, was {value}");

    private static string Shown(string text) => text.Length <= 60 ? text : text[..60] + "...";
}
