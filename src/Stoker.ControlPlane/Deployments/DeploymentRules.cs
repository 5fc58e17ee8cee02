using Stoker.Api.Problems;
using Stoker.Api.Resources;
using Stoker.ControlPlane.Autoscaling;
using Stoker.ControlPlane.Capacity;
using Stoker.ControlPlane.Models;
using Stoker.ControlPlane.Resources;

namespace Stoker.ControlPlane.Deployments;

/// <summary>
/// The rules that join several things: fields with fields, a spec with the one it replaces, with its model, with what
/// there is. A request goes through them in this order: field rules, <see cref="ForModel"/>, <see
/// cref="DeploymentActivity"/>, <see cref="ForInventory"/>,
/// <see cref="Startable(DeploymentSpec, Model)"/>; the first that fails answers.
/// </summary>
public static class DeploymentRules
{
    /// <summary>
    /// What an update may change. Base model and placement stand in neither list: they are fixed, as are region,
    /// cluster and direct_route_handle, which look like wishes and are not.
    /// </summary>
    public static UpdatableFields Updatable { get; } = new(
        Mutable:
        [
            "display_name", "description", "expire_time", "min_replica_count", "max_replica_count", "max_with_revocable_replica_count",
            "autoscaling_policy", "accelerator_count", "accelerator_type", "precision", "enable_addons", "draft_token_count", "draft_model",
            "ngram_speculation_length", "enable_session_affinity", "direct_route_api_keys", "direct_route_type", "deployment_template",
            "deployment_shape", "auto_tune", "max_context_length", "disable_deployment_size_validation", "enable_mtp",
            "enable_hot_reload_latest_addon", "enable_hot_load", "hot_load_bucket_type", "hot_load_bucket_url", "active_model_version",
            "target_model_version", "pricing_plan_id", "stoker_hold", "stoker_broken_streams", "stoker_kv_precision", "stoker_max_loaded_addons",
        ],
        OutputOnly:
        [
            "emulated", "stockout", "name", "create_time", "purge_time", "delete_time", "state", "status", "desired_replica_count", "replica_count", "replica_stats",
            "num_peft_device_cached", "update_time", "created_by", "stoker_usage", "stoker_live_merge",
        ]);

    /// <summary>A patch that asks for another place: refused with what to do instead.</summary>
    /// <param name="mask">Null when the fields of the body are meant.</param>
    internal static Problem? OtherPlace(Deployment deployment, DeploymentResource patch, string? mask)
    {
        var masked = string.IsNullOrWhiteSpace(mask) ? null : mask.Split(',', StringSplitOptions.TrimEntries);
        var (runs, placed) = (deployment.Status.Region?.Name, PlaceOf(deployment.Spec.ToResource().Placement));
        var otherRegion = Asked("region", patch.Region) && patch.Region != runs;
        var otherPlacement = Asked("placement", PlaceOf(patch.Placement)) && PlaceOf(patch.Placement) != placed;
        if (!otherRegion && !otherPlacement) return null;
        var (field, wanted) = otherRegion ? ("region", patch.Region!) : ("placement", PlaceOf(patch.Placement)!);
        var flag = !otherRegion && patch.Placement is { Region: null } ? "--multi-region" : "--region";
        var shown = wanted.Length <= 63 ? wanted : wanted[..63] + "...";
        var why = $"is fixed at creation: {deployment.Name.Deployment} runs in {runs ?? placed} and cannot move to {shown}. Create another deployment there "
            + $"(firectl create deployment {deployment.Spec.BaseModel} {flag} {shown}), send the requests to it, and delete this one";
        return new(Code.InvalidArgument, $"{field} {why}", [new(field, why)]);

        bool Asked(string path, string? value) => value is { Length: > 0 } and not Region.Unspecified
            && (masked is null || masked.Any(item => item == path || item.StartsWith($"{path}.", StringComparison.Ordinal)));
    }

    /// <summary>
    /// Who turns to the mode AUTO leaves the windows of before behind: only those that the patch itself asks for stand
    /// in its way.
    /// </summary>
    internal static DeploymentResource LeaveWindows(DeploymentResource merged, DeploymentResource patch)
    {
        if (merged.AutoscalingPolicy is not { } policy || policy.AutoscalingMode != WireEnum.TextOf(ScalingMode.Auto)) return merged;
        var asked = patch.AutoscalingPolicy;
        return merged with
        {
            AutoscalingPolicy = policy with
            {
                ScaleUpWindow = policy.ScaleUpWindow == asked?.ScaleUpWindow ? asked?.ScaleUpWindow : null,
                ScaleDownWindow = policy.ScaleDownWindow == asked?.ScaleDownWindow ? asked?.ScaleDownWindow : null,
            },
        };
    }

    private static string? PlaceOf(PlacementResource? placement) =>
        placement?.Region ?? placement?.MultiRegion ?? (placement?.Regions is { } regions ? string.Join(", ", regions) : null);

    /// <summary>
    /// Fields of a create body that only the server sets. Most are ignored, so that what was got can be posted again;
    /// those that a caller could take for a wish are refused.
    /// </summary>
    internal static void CreateBody(DeploymentResource asked, Violations violations)
    {
        violations.Require(string.IsNullOrEmpty(asked.Name), "name", "is made of the account and the query parameter deploymentId: leave it out");
        violations.Require(
            asked.Region is null or "" or Region.Unspecified, "region", "says where a deployment runs and is set by the server: use placement.region");
    }

    internal static void Combinations(DeploymentSpec spec, Violations violations)
    {
        violations.Require(
            spec.Precision.IsSupported(),
            "precision",
            $"{WireEnum.TextOf(spec.Precision)} is not supported: FP16 and BF16 (both mean as stored), FP8, FP4, and INT8 on {AcceleratorType.Cpu} are");
        Runs(spec, spec.Precision, "", violations);
        violations.Require(
            spec.KvPrecision != KvPrecision.Fp8 || spec.AcceleratorType == AcceleratorType.H100 || spec.AcceleratorType == AcceleratorType.Cpu,
            "stoker_kv_precision", $"FP8 runs on {AcceleratorType.H100} and {AcceleratorType.Cpu}, not on {spec.AcceleratorType}");
    }

    /// <summary>What accelerators run in a precision.</summary>
    /// <param name="precision">That was asked for, or the model's own.</param>
    /// <param name="why">Where the precision comes from, if nobody asked for it.</param>
    private static void Runs(DeploymentSpec spec, Precision precision, string why, Violations violations)
    {
        if (WhyNotOn(spec.AcceleratorType, precision) is { } not) violations.Add("precision", not + why);
        violations.Require(
            !spec.EnableAddons || precision.IsAsStored() || spec.AcceleratorType == AcceleratorType.Cpu,
            "enable_addons", $"invalid deployment: addons cannot be enabled with quantized precisions (FP8/FP4){why}");
    }

    private static string? WhyNotOn(AcceleratorType type, Precision precision) => precision switch
    {
        Precision.Fp8 when type != AcceleratorType.H100 && type != AcceleratorType.Cpu => $"FP8 runs on {AcceleratorType.H100} and {AcceleratorType.Cpu}, not on {type}",
        Precision.Int8 when type != AcceleratorType.Cpu => $"INT8 runs on {AcceleratorType.Cpu}, not on {type}",
        _ => null,
    };

    /// <summary>What the weights are run in: what is asked for, and else what the checkpoint is stored in.</summary>
    internal static Precision PrecisionOf(DeploymentSpec spec, Model model) =>
        spec.Precision.IsAsStored() ? StoredQuantised(model) ?? spec.Precision : spec.Precision;

    /// <summary>Of a checkpoint that is stored quantised its only precision: it is prepared for no other.</summary>
    private static Precision? StoredQuantised(Model model) =>
        model.SupportedPrecisions.Count > 0 && !model.SupportedPrecisions.Any(precision => precision.IsAsStored()) ? model.SupportedPrecisions[0] : null;

    internal static void Immutable(DeploymentSpec spec, DeploymentSpec current, Violations violations)
    {
        violations.Require(
            spec.BaseModel == current.BaseModel, "base_model", $"cannot change after creation, is {current.BaseModel}: create another deployment");
        violations.Require(
            spec.Placement == current.Placement, "placement", $"cannot change after creation, is {current.Placement}: create another deployment");
    }

    /// <summary>
    /// What the model does not allow: INVALID_ARGUMENT, or UNIMPLEMENTED for kinds that cannot be deployed yet.
    /// </summary>
    /// <param name="model">Whose weights are loaded: of an addon to be merged, its base.</param>
    /// <param name="current">The spec to be updated; null at creation.</param>
    /// <param name="draft">What drafts for it; null: nothing, or an n-gram.</param>
    public static Problem? ForModel(DeploymentSpec spec, Model model, DeploymentSpec? current = null, Model? draft = null)
    {
        var violations = new Violations();
        if (model.Kind == ModelKind.DraftAddon)
        {
            violations.Add("base_model", $"{model.Name} is a draft head, which only runs beside its base model: deploy {Base(model)}");
        }

        violations.Require(
            !model.Moe || spec.AcceleratorType != AcceleratorType.Mi300X,
            "accelerator_type", $"{AcceleratorType.Mi300X} does not run mixture-of-experts models, and {model.Name} is one");
        violations.Require(
            model.ContextLength is not { } longest || spec.MaxContextLength <= longest,
            "max_context_length", $"must be at most the model's {model.ContextLength}, was {spec.MaxContextLength}");
        violations.Require(
            !spec.EnableAddons || model.IsAddon || model.SupportsLora || !model.IsReady,
            "enable_addons", "addons are not supported for this model");
        if (PrecisionOf(spec, model) is var stored && stored != spec.Precision && current?.RunsAs(spec) != true) // what runs so already is not questioned again
        {
            Runs(spec, stored, $" ({model.Name} is stored in {WireEnum.TextOf(stored)}: choose another accelerator_type, or upload its 16-bit checkpoint)", violations);
        }

        if (draft is not null && StoredQuantised(draft) is { } own && WhyNotOn(spec.AcceleratorType, own) is { } not && current?.RunsAs(spec) != true)
        {
            violations.Add("draft_model", $"draft model precision validation failed: {not} ({draft.Name} is stored in {WireEnum.TextOf(own)}: choose another accelerator_type or draft model)");
        }

        DeploymentSize.Check(spec, model, draft, current, violations);
        if (violations.Any) return violations.ToProblem();

        return model.Kind switch
        {
            ModelKind.HfBaseModel or ModelKind.CustomModel => null,
            var kind => Problem.Unimplemented($"base_model: models of kind {WireEnum.TextOf(kind)} cannot be deployed yet: choose an HF_BASE_MODEL"),
        };
    }

    /// <summary>
    /// What no region can ever hold. Capacity that is there but taken is no error: the deployment waits for it.
    /// </summary>
    /// <param name="region">Where an existing deployment runs, which its new type has to be available in; null at
    /// creation.</param>
    public static Problem? ForInventory(DeploymentSpec spec, Inventory inventory, Region? region = null)
    {
        if (region is null && spec.Placement.Regions.FirstOrDefault(named => !inventory.Has(named)) is { } unknown)
        {
            var there = $"there is no region {unknown}; regions are {inventory.RegionNames}: there is {inventory}";
            return new(Code.InvalidArgument, $"placement: {there}", [new("placement", there)]);
        }

        var placement = region is null ? spec.Placement : PlacementRule.In(region);
        if (inventory.WhyNever(new(placement, spec.AcceleratorType, spec.AcceleratorCount)) is not { } why) return null;
        var field = inventory.WhyNever(new(placement, spec.AcceleratorType, 1)) is not null ? "accelerator_type" : "accelerator_count";
        var next = region is null ? "" : "; create another deployment to run elsewhere";
        return new(Code.InvalidArgument, $"{field}: {why}{next}", [new(field, why)]);
    }

    /// <summary>What has to happen to the models first: FAILED_PRECONDITION with the command.</summary>
    /// <param name="simulated">Its replicas are simulated and need no weights.</param>
    internal static Problem? Startable(DeploymentSpec spec, DeploymentTarget target, bool simulated) =>
        simulated ? null : target.Merged is { } addon ? MergeRules.Startable(spec, addon, target.Model) : Startable(spec, target.Model);

    public static Problem? Startable(DeploymentSpec spec, Model model)
    {
        if (WithoutWeights(model) is { } missing) return missing;
        var (asked, has) = (WireEnum.TextOf(spec.Precision), string.Join(", ", model.SupportedPrecisions.Select(WireEnum.TextOf)));
        var has16Bit = model.SupportedPrecisions.Any(precision => precision.IsAsStored());
        if (spec.Precision == Precision.PrecisionUnspecified || model.SupportedPrecisions.Contains(spec.Precision) || (spec.Precision.IsAsStored() && has16Bit)) return null;
        return Problem.FailedPrecondition(has16Bit
            ? $"{model.Name} is not prepared for precision {asked}; it has {has}: prepare it with `firectl prepare-model {model.Name} --precision {asked} --wait`"
            : $"{model.Name} is stored in {has} and runs in nothing else, asked for was {asked}: deploy it without --precision, or upload its 16-bit checkpoint as a model of its own");
    }

    internal static Problem? WithoutWeights(Model model)
    {
        if (model.IsReady) return null;
        var command = $"firectl upload model {model.Name} PATH";
        var status = model.Status?.Message?.TrimEnd('.') ?? "";
        return Problem.FailedPrecondition(status.Contains(command, StringComparison.Ordinal)
            ? $"{model.Name} has no weights here yet: it is {status}"
            : $"{model.Name} has no weights here yet{(status.Length == 0 ? "" : $" ({status})")}: upload its files with `{command}` and try again");
    }

    private static string Base(Model model) => model.BaseModel?.ToString() ?? "its base model";
}
