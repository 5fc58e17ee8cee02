using System.CommandLine;
using System.Globalization;
using Stoker.Api.Problems;
using Stoker.Api.Resources;
using Stoker.Api.Time;

namespace Firectl.Deployments;

/// <summary>The flags of a deployment's own fields.</summary>
internal sealed class DeploymentFlags : FieldFlags
{
    private readonly Option<string?> _displayName, _description, _acceleratorType, _precision, _draftModel, _directRouteType, _shape, _template, _cluster;
    private readonly Option<int> _acceleratorCount, _min, _max, _draftTokens, _ngram, _maxContext, _maxRevocable, _holdRequests, _maxAddons;
    private readonly Option<long> _holdBytes;
    private readonly Option<bool> _addons, _mtp, _affinity, _longPrompt;
    private readonly Option<TimeSpan> _up, _down, _toZero, _holdTimeout;
    private readonly Option<string?> _loadTargets, _mode, _brokenStreams, _kvPrecision;
    private readonly Option<string[]> _directRouteKeys;

    public DeploymentFlags()
    {
        _displayName = Text("--display-name", "display_name", "A name for people, fewer than 64 characters");
        _description = Text("--description", "description", "What it is for");
        _acceleratorType = Text("--accelerator-type", "accelerator_type", "Such as CPU, A100_80GB, H100_80GB, MI300X_192GB");
        _acceleratorCount = Number("--accelerator-count", "accelerator_count", "Accelerators of one replica");
        _min = Number("--min-replica-count", "min_replica_count", "Replicas that always run (default 0)");
        _max = Number("--max-replica-count", "max_replica_count", "Replicas at most (default 1 if the minimum is 0, else the minimum)");
        _up = Window("--scale-up-window", "scale_up_window", "Load must be there this long before replicas are added (default 30s)");
        _down = Window("--scale-down-window", "scale_down_window", "Load must be gone this long before replicas are removed (default 10m)");
        _toZero = Window("--scale-to-zero-window", "scale_to_zero_window", "Without requests for this long it goes to zero (default 1h, at least 5m)");
        _loadTargets = Text("--load-targets", "autoscaling_policy.load_targets", "Such as default=0.8,requests_per_second=10");
        _mode = Text("--autoscaling-mode", "autoscaling_policy.autoscaling_mode", "The rule that makes the count of the load: windows (default), or auto, which takes neither up nor down window");
        _precision = Text("--precision", "precision", "FP16 or BF16 (both: a 16-bit checkpoint as it is stored), FP8, FP4, or INT8 on CPU");
        _addons = Flag("--enable-addons", "enable_addons", "Serve LoRA addons on it");
        _draftModel = Text("--draft-model", "draft_model", "The model that drafts for speculative decoding");
        _draftTokens = Number("--draft-token-count", "draft_token_count", "Tokens drafted at a time; 0 is off");
        _ngram = Number("--ngram-speculation-length", "ngram_speculation_length", "Length of the n-gram that drafts are looked up with");
        _mtp = Flag("--enable-mtp", "enable_mtp", "Multi-token prediction (not available yet)");
        _affinity = Flag("--enable-session-affinity", "enable_session_affinity", "Keep sessions on their replica (not available yet)");
        _longPrompt = Flag("--long-prompt", "auto_tune.long_prompt", "Tune for prompts above some 3000 tokens");
        _maxContext = Number("--max-context-length", "max_context_length", "Tokens of prompt and answer together (default the model's)");
        _directRouteType = Text("--direct-route-type", "direct_route_type", "A route around the gateway (not available yet)");
        _directRouteKeys = Add(new Option<string[]>("--direct-route-api-keys") { Description = "Keys of the direct route (not available yet)" }, "direct_route_api_keys");
        _shape = Text("--deployment-shape", "deployment_shape", "A shape: fast, throughput, minimal or a full name (not available yet)");
        _template = Text("--deployment-template", "deployment_template", "A deployment template (not available yet)");
        _cluster = Text("--cluster-id", "cluster", "A cluster of your own (not available yet)");
        _maxRevocable = Number("--max-with-revocable-replica-count", "max_with_revocable_replica_count", "Replicas at most, revocable capacity included (not available yet)");
        _holdRequests = Number("--hold-max-requests", "stoker_hold.max_requests", "Requests that wait while no replica is ready (default the server's)");
        _holdBytes = Add(
            new Option<long>("--hold-max-bytes") { Description = "Bytes of their bodies together (default the server's)" }, "stoker_hold.max_bytes");
        _holdTimeout = Add(Durations.Option("--hold-timeout", "The longest that one request waits (default the server's)"), "stoker_hold.timeout");
        _brokenStreams = Text(
            "--broken-streams", "stoker_broken_streams", "When a replica fails in a stream: resume on another (default), or error");
        _maxAddons = Number("--max-loaded-addons", "stoker_max_loaded_addons", "Addons that a replica has in memory at once (default 16, and 0 means that too); others are read when a request comes");
        _kvPrecision = Text("--kv-precision", "stoker_kv_precision", "Of the keys and values of contexts: BF16 (default), or FP8 for half the memory");
    }

    /// <summary>What was given, over a base (a file's content, or nothing).</summary>
    public DeploymentResource Over(DeploymentResource under, Invocation invocation) => under with
    {
        DisplayName = invocation.Value(_displayName) ?? under.DisplayName,
        Description = invocation.Value(_description) ?? under.Description,
        AcceleratorType = WireAccelerator(invocation.Value(_acceleratorType)) ?? under.AcceleratorType,
        AcceleratorCount = invocation.Given(_acceleratorCount) ?? under.AcceleratorCount,
        MinReplicaCount = invocation.Given(_min) ?? under.MinReplicaCount,
        MaxReplicaCount = invocation.Given(_max) ?? under.MaxReplicaCount,
        MaxWithRevocableReplicaCount = invocation.Given(_maxRevocable) ?? under.MaxWithRevocableReplicaCount,
        AutoscalingPolicy = Policy(under.AutoscalingPolicy, invocation),
        Precision = invocation.Value(_precision)?.ToUpperInvariant() ?? under.Precision,
        EnableAddons = invocation.Given(_addons) ?? under.EnableAddons,
        DraftModel = invocation.Value(_draftModel) ?? under.DraftModel,
        DraftTokenCount = invocation.Given(_draftTokens) ?? under.DraftTokenCount,
        NgramSpeculationLength = invocation.Given(_ngram) ?? under.NgramSpeculationLength,
        EnableMtp = invocation.Given(_mtp) ?? under.EnableMtp,
        EnableSessionAffinity = invocation.Given(_affinity) ?? under.EnableSessionAffinity,
        AutoTune = invocation.Given(_longPrompt) is { } longPrompt ? new AutoTuneResource { LongPrompt = longPrompt } : under.AutoTune,
        MaxContextLength = invocation.Given(_maxContext) ?? under.MaxContextLength,
        DirectRouteType = invocation.Value(_directRouteType) ?? under.DirectRouteType,
        DirectRouteApiKeys = invocation.IsGiven(_directRouteKeys) ? invocation.Value(_directRouteKeys) : under.DirectRouteApiKeys,
        DeploymentShape = invocation.Value(_shape) ?? under.DeploymentShape,
        DeploymentTemplate = invocation.Value(_template) ?? under.DeploymentTemplate,
        Cluster = invocation.Value(_cluster) ?? under.Cluster,
        StokerHold = Hold(under.StokerHold, invocation),
        StokerBrokenStreams = invocation.Value(_brokenStreams)?.ToUpperInvariant() ?? under.StokerBrokenStreams,
        StokerKvPrecision = invocation.Value(_kvPrecision)?.ToUpperInvariant() ?? under.StokerKvPrecision,
        StokerMaxLoadedAddons = invocation.Given(_maxAddons) ?? under.StokerMaxLoadedAddons,
    };

    /// <summary>
    /// People type H100_80GB, the wire says NVIDIA_H100_80GB; what is unknown goes to the server, which lists what
    /// there is.
    /// </summary>
    internal static string? WireAccelerator(string? typed)
    {
        var text = typed?.ToUpperInvariant();
        return text switch
        {
            null => null,
            ['A' or 'H' or 'B' or 'L' or 'G', .. var rest] when !text.StartsWith("AMD_", StringComparison.Ordinal) && rest.Any(char.IsAsciiDigit) => $"NVIDIA_{text}",
            ['M', 'I', .. var rest] when rest.Any(char.IsAsciiDigit) => $"AMD_{text}",
            _ => text,
        };
    }

    private AutoscalingPolicyResource? Policy(AutoscalingPolicyResource? under, Invocation invocation)
    {
        if (!new Option[] { _up, _down, _toZero, _loadTargets, _mode }.Any(invocation.IsGiven)) return under;
        return (under ?? new()) with
        {
            ScaleUpWindow = Window(_up) ?? under?.ScaleUpWindow,
            ScaleDownWindow = Window(_down) ?? under?.ScaleDownWindow,
            ScaleToZeroWindow = Window(_toZero) ?? under?.ScaleToZeroWindow,
            LoadTargets = LoadTargets(invocation.Value(_loadTargets)) ?? under?.LoadTargets,
            AutoscalingMode = invocation.Value(_mode)?.ToUpperInvariant() ?? under?.AutoscalingMode,
        };

        string? Window(Option<TimeSpan> option) => invocation.Given(option) is { } duration ? ProtoDuration.Format(duration) : null;
    }

    private HoldResource? Hold(HoldResource? under, Invocation invocation)
    {
        if (!new Option[] { _holdRequests, _holdBytes, _holdTimeout }.Any(invocation.IsGiven)) return under;
        return (under ?? new()) with
        {
            MaxRequests = invocation.Given(_holdRequests) ?? under?.MaxRequests,
            MaxBytes = invocation.Given(_holdBytes) ?? under?.MaxBytes,
            Timeout = invocation.Given(_holdTimeout) is { } timeout ? ProtoDuration.Format(timeout) : under?.Timeout,
        };
    }

    internal static Dictionary<string, double>? LoadTargets(string? text)
    {
        if (text is null) return null;
        var targets = new Dictionary<string, double>(StringComparer.Ordinal);
        foreach (var pair in text.Split(','))
        {
            if (pair.Split('=') is not [var key, var value]
                || !double.TryParse(value, NumberStyles.Float, CultureInfo.InvariantCulture, out var target)
                || !targets.TryAdd(key.Trim(), target))
            {
                throw new ProblemException(Problem.InvalidArgument($"--load-targets takes name=number pairs, each name once, such as default=0.8; was '{text}'"));
            }
        }

        return targets;
    }

    private Option<TimeSpan> Window(string name, string field, string description) =>
        Add(Durations.Option(name, description), $"autoscaling_policy.{field}");
}
