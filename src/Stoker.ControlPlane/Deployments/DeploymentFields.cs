using Stoker.Api.Names;
using Stoker.Api.Problems;
using Stoker.Api.Resources;
using Stoker.Api.Time;
using Stoker.ControlPlane.Autoscaling;
using Stoker.ControlPlane.Capacity;
using Stoker.ControlPlane.Models;
using Stoker.ControlPlane.Replicas;
using Stoker.ControlPlane.Resources;

namespace Stoker.ControlPlane.Deployments;

/// <summary>
/// Reads the fields of a request one by one, each with its rule; what breaks one becomes a violation and a harmless
/// value, so that the rest can be checked too. As in proto3, an empty text, 0 where 0 means nothing, and the
/// UNSPECIFIED names are absent.
/// </summary>
internal sealed class DeploymentFields(DeploymentResource asked, Violations violations)
{
    private const int MaxRegions = 64;

    // Each wanted replica is a row in memory, also while it waits for capacity.
    private const int MostReplicas = 1_000;

    /// <summary>As engines have it.</summary>
    private const int MostLoadedAddons = 1024;

    private static readonly string[] DirectRouteTypes = ["INTERNET", "GCP_PRIVATE_SERVICE_CONNECT", "AWS_PRIVATELINK"];
    private static readonly string[] BucketTypes = ["MINIO", "S3", "NEBIUS", "FW_HOSTED"];

    public string? Text(string field, string? text, int maxLength)
    {
        var length = text?.EnumerateRunes().Count() ?? 0;
        violations.Require(length <= maxLength, field, $"must have fewer than {maxLength + 1} characters, has {length}");
        return string.IsNullOrEmpty(text) ? null : text;
    }

    public (int Min, int Max) ReplicaCounts()
    {
        var min = Replicas("min_replica_count", asked.MinReplicaCount);
        var max =
            asked.MaxReplicaCount is null ? Math.Max(min, 1) : Replicas("max_replica_count", asked.MaxReplicaCount);
        if (asked.MaxReplicaCount is >= 0 && max < min)
        {
            violations.Add("max_replica_count", max == 0
                ? $"is 0, which parks the deployment, and needs min_replica_count 0, which is {min}"
                : $"must be at least min_replica_count, which is {min}, was {max}");
        }

        return (min, max);
    }

    private int Replicas(string field, int? count)
    {
        violations.Require(count is null or <= MostReplicas, field, $"must be at most {MostReplicas}, was {count}");
        return Math.Min(AtLeastZero(field, count), MostReplicas);
    }

    public ScalingPolicy Scaling(int min)
    {
        var (policy, defaults) = (asked.AutoscalingPolicy, ScalingPolicy.Default);
        var up = Window("scale_up_window", policy?.ScaleUpWindow, defaults.UpWindow);
        var down = Window("scale_down_window", policy?.ScaleDownWindow, defaults.DownWindow);
        var toZero = Window("scale_to_zero_window", policy?.ScaleToZeroWindow, defaults.ToZeroWindow);
        AtMostLongest("scale_up_window", up);
        AtMostLongest("scale_down_window", down);
        if (min == 0 && toZero is { } window && window >= TimeSpan.Zero)
        {
            violations.Require(
                window >= ScalingPolicy.ShortestToZeroWindow,
                "autoscaling_policy.scale_to_zero_window",
                $"must be at least {GoDuration.Format(ScalingPolicy.ShortestToZeroWindow)}, was {GoDuration.Format(window)}");
        }

        var mode = Mode(policy?.AutoscalingMode);
        NotUnderAuto("scale_up_window", policy?.ScaleUpWindow, mode);
        NotUnderAuto("scale_down_window", policy?.ScaleDownWindow, mode);
        return new(up ?? defaults.UpWindow, down ?? defaults.DownWindow, toZero ?? defaults.ToZeroWindow, mode);
    }

    /// <summary>The rule has times of its own, so a window would be accepted and ignored.</summary>
    private void NotUnderAuto(string name, string? text, ScalingMode mode) => violations.Require(
        mode != ScalingMode.Auto || string.IsNullOrEmpty(text),
        $"autoscaling_policy.{name}",
        "has no effect with the autoscaling mode AUTO, which has times of its own: leave it out, or choose the mode WINDOWS");

    private ScalingMode Mode(string? text)
    {
        if (string.IsNullOrEmpty(text) || text == "AUTOSCALING_MODE_UNSPECIFIED") return ScalingMode.Windows;
        if (WireEnum.TryParse<ScalingMode>(text, out var mode)) return mode;
        violations.Add("autoscaling_policy.autoscaling_mode", $"must be one of {WireEnum.NamesOf<ScalingMode>()}, was '{Shown(text)}'");
        return ScalingMode.Windows;
    }

    public IReadOnlyDictionary<string, double> LoadTargets()
    {
        var targets = asked.AutoscalingPolicy?.LoadTargets ?? new Dictionary<string, double>();
        foreach (var (key, value) in targets)
        {
            var field = "autoscaling_policy.load_targets";
            if (!Autoscaling.LoadTargets.Keys.Contains(key)) violations.Add(field, $"has the key '{Shown(key)}', allowed are {string.Join(", ", Autoscaling.LoadTargets.Keys)}");
            else if (!double.IsFinite(value) || value <= 0) violations.Add(field, $"must have values above 0, {key} was {value:R}");
            else if (key == "default") violations.Require(value <= 1, field, $"must have a default of at most 1, being a share, was {value:R}");
        }

        return targets;
    }

    public AcceleratorType? AcceleratorType()
    {
        if (asked.AcceleratorType is null or "" or Capacity.AcceleratorType.Unspecified) return null;
        if (Capacity.AcceleratorType.TryParse(asked.AcceleratorType, null, out var type)) return type;
        violations.Add(
            "accelerator_type", $"must be one of {string.Join(", ", Capacity.AcceleratorType.All)}, was '{Shown(asked.AcceleratorType)}'");
        return null;
    }

    /// <summary>
    /// Long prompts need two accelerators at least, and twice the model's usual count where none is given.
    /// </summary>
    public int AcceleratorCount(bool longPrompt)
    {
        var count = AtLeastZero("accelerator_count", asked.AcceleratorCount);
        if (count == 0) return longPrompt ? 2 : 1;
        violations.Require(!longPrompt || count >= 2, "accelerator_count", $"must be at least 2 with auto_tune.long_prompt, was {count}");
        return count;
    }

    /// <summary>Names of the hosted API that have no meaning here pass, and are refused by <see cref="DeploymentRules.Combinations"/>.</summary>
    public Precision Precision()
    {
        if (string.IsNullOrEmpty(asked.Precision)) return default;
        if (WireEnum.TryParse<Precision>(asked.Precision, out var precision)) return precision;
        var allowed = Enum.GetValues<Precision>().Skip(1).Where(Precisions.IsSupported).Select(WireEnum.TextOf);
        violations.Add("precision", $"must be one of {string.Join(", ", allowed)}, was '{Shown(asked.Precision)}'");
        return default;
    }

    public PlacementRule Placement()
    {
        if (asked.Placement is not { } placement) return PlacementRule.Global;
        var region = placement.Region is { Length: > 0 } and not Region.Unspecified ? placement.Region : null;
        var group =
            placement.MultiRegion is { Length: > 0 } and not "MULTI_REGION_UNSPECIFIED" ? placement.MultiRegion : null;
        var regions = placement.Regions is { Count: > 0 } list ? list : null;
        var set = (region is null ? 0 : 1) + (group is null ? 0 : 1) + (regions is null ? 0 : 1);
        if (set != 1)
        {
            violations.Add("placement", $"must set exactly one of region, multi_region and regions, {set} are set");
            return PlacementRule.Global;
        }

        if (region is not null) return Regions("placement.region", [region]);
        if (regions is not null) return Regions("placement.regions", regions);
        if (WireEnum.TryParse<MultiRegion>(group, out var known)) return PlacementRule.In(known);
        violations.Add("placement.multi_region", $"must be one of GLOBAL, US, EUROPE, APAC, was '{Shown(group!)}'");
        return PlacementRule.Global;
    }

    public int AtLeastZero(string field, int? count)
    {
        violations.Require(count is null or >= 0, field, $"must be at least 0, was {count}");
        return Math.Max(count ?? 0, 0);
    }

    /// <summary>What is absent follows the server's options; as everywhere, 0 is absent.</summary>
    public HoldLimits Hold()
    {
        if (asked.StokerHold is not { } hold) return HoldLimits.Default;
        var requests = hold.MaxRequests is null or 0 ? null : hold.MaxRequests;
        var bytes = hold.MaxBytes is null or 0 ? null : hold.MaxBytes;
        var timeout = Duration("stoker_hold.timeout", hold.Timeout, absent: null);
        violations.Require(
            requests is null or (>= 1 and <= HoldLimits.MostRequests),
            "stoker_hold.max_requests", $"must be from 1 to {HoldLimits.MostRequests}, was {requests}");
        violations.Require(
            bytes is null or (>= HoldLimits.LeastBytes and <= HoldLimits.MostBytes),
            "stoker_hold.max_bytes", $"must be from {HoldLimits.LeastBytes} to {HoldLimits.MostBytes}, was {bytes}");
        violations.Require(
            timeout is null || (timeout >= HoldLimits.ShortestTimeout && timeout <= HoldLimits.LongestTimeout),
            "stoker_hold.timeout",
            $"must be from {GoDuration.Format(HoldLimits.ShortestTimeout)} to {GoDuration.Format(HoldLimits.LongestTimeout)}, "
                + $"was {GoDuration.Format(timeout ?? default)}");
        return new(requests, bytes, timeout);
    }

    public BrokenStreams BrokenStreams()
    {
        if (asked.StokerBrokenStreams is null or "" or "BROKEN_STREAMS_UNSPECIFIED") return default;
        if (WireEnum.TryParse<BrokenStreams>(asked.StokerBrokenStreams, out var policy)) return policy;
        violations.Add("stoker_broken_streams", $"must be one of {WireEnum.NamesOf<BrokenStreams>()}, was '{Shown(asked.StokerBrokenStreams)}'");
        return default;
    }

    public KvPrecision KvPrecision()
    {
        if (asked.StokerKvPrecision is null or "" or "KV_PRECISION_UNSPECIFIED") return default;
        if (WireEnum.TryParse<KvPrecision>(asked.StokerKvPrecision, out var precision)) return precision;
        violations.Add("stoker_kv_precision", $"must be one of {WireEnum.NamesOf<KvPrecision>()}, was '{Shown(asked.StokerKvPrecision)}'");
        return default;
    }

    public int MaxLoadedAddons()
    {
        var most = AtLeastZero("stoker_max_loaded_addons", asked.StokerMaxLoadedAddons);
        violations.Require(most <= MostLoadedAddons, "stoker_max_loaded_addons", $"must be at most {MostLoadedAddons}, was {most}");
        violations.Require(most == 0 || asked.EnableAddons == true, "stoker_max_loaded_addons", "needs enable_addons: set that, or leave this out");
        return most == ReplicaMemory.UsualAddons ? 0 : most;
    }

    public void Speculation()
    {
        var (hasDraft, hasNgram) = (asked.DraftModel is { Length: > 0 }, asked.NgramSpeculationLength > 0);
        AtLeastZero("draft_token_count", asked.DraftTokenCount);
        if (hasDraft && hasNgram) violations.Add("ngram_speculation_length", "cannot be set together with draft_model: choose one of the two");
        if ((hasDraft || hasNgram) && asked.DraftTokenCount is null)
        {
            var cause = hasDraft ? "draft_model" : "ngram_speculation_length";
            violations.Add("draft_token_count", $"must be set with {cause}: 4 is typical, 3 for EAGLE drafts, 0 switches drafts off");
        }

        if (hasDraft && !ResourceId.TryParse(asked.DraftModel, out _) && !ModelName.TryParse(asked.DraftModel, out _))
        {
            violations.Add("draft_model", $"must be an identifier or accounts/ACCOUNT/models/ID, was '{Shown(asked.DraftModel!)}'");
        }
    }

    public void Routing(PlacementRule placement)
    {
        OneOf("direct_route_type", asked.DirectRouteType, "DIRECT_ROUTE_TYPE_UNSPECIFIED", DirectRouteTypes);
        if (asked.DirectRouteType is { Length: > 0 } and not "DIRECT_ROUTE_TYPE_UNSPECIFIED" && placement.Regions.Count != 1)
        {
            violations.Add("direct_route_type", "is not available yet, leave it out (it needs a placement.region too: a direct route leads to one place)");
        }

        foreach (var key in asked.DirectRouteApiKeys ?? [])
        {
            // The key itself is a secret: it is not shown.
            if (key.Length == 0 || !key.All(char.IsAsciiLetterOrDigit)) violations.Add("direct_route_api_keys", "must be of letters and digits alone");
        }
    }

    public void Others(int max)
    {
        OneOf("hot_load_bucket_type", asked.HotLoadBucketType, "BUCKET_TYPE_UNSPECIFIED", BucketTypes);
        if (asked.MaxWithRevocableReplicaCount is { } revocable && revocable != 0 && revocable < max)
        {
            violations.Add("max_with_revocable_replica_count", $"must be at least max_replica_count, which is {max}, was {revocable}");
        }
    }

    private void OneOf(string field, string? name, string unspecified, string[] allowed)
    {
        if (string.IsNullOrEmpty(name) || name == unspecified || allowed.Contains(name)) return;
        violations.Add(field, $"must be one of {string.Join(", ", allowed)}, was '{Shown(name)}'");
    }

    private TimeSpan? Window(string name, string? text, TimeSpan absent) => Duration($"autoscaling_policy.{name}", text, absent);

    private TimeSpan? Duration(string field, string? text, TimeSpan? absent)
    {
        if (string.IsNullOrEmpty(text)) return absent;
        if (!ProtoDuration.TryParse(text, out var window)) violations.Add(field, $"must be {ProtoDuration.Rule}, was '{Shown(text)}'");
        else if (window < TimeSpan.Zero) violations.Add(field, $"must not be negative, was {GoDuration.Format(window)}");
        else return window;
        return null;
    }

    private void AtMostLongest(string name, TimeSpan? window) => violations.Require(
        window is null || window <= ScalingPolicy.LongestWindow,
        $"autoscaling_policy.{name}",
        $"must be at most {GoDuration.Format(ScalingPolicy.LongestWindow)}, was {GoDuration.Format(window ?? default)}");

    private PlacementRule Regions(string field, IReadOnlyList<string> names)
    {
        violations.Require(names.Count <= MaxRegions, field, $"may have {MaxRegions} regions, has {names.Count}");
        violations.Require(names.Distinct().Count() == names.Count, field, "must not name a region twice");
        var regions = new List<Region>();
        foreach (var name in names.Take(MaxRegions))
        {
            if (Region.TryParse(name, null, out var region) && name != Region.Unspecified) regions.Add(region);
            else violations.Add(field, $"must be {Region.Rule}, was '{Shown(name)}'");
        }

        return PlacementRule.In(regions);
    }

    private static string Shown(string text) => text.Length <= 100 ? text : text[..100] + "...";
}
