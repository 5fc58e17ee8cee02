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
/// What the user asked for, with every default filled in. Only <see cref="From"/> makes one, so its rules hold wherever
/// one is used.
/// </summary>
public sealed record DeploymentSpec
{
    private DeploymentSpec(ModelName baseModel) => BaseModel = baseModel;

    public ModelName BaseModel { get; }
    public string? DisplayName { get; private init; }
    public string? Description { get; private init; }
    public int MinReplicas { get; private init; }
    public int MaxReplicas { get; private init; }
    public ScalingPolicy Scaling { get; private init; } = ScalingPolicy.Default;
    public IReadOnlyDictionary<string, double> LoadTargets { get; private init; } = new Dictionary<string, double>();
    public required AcceleratorType AcceleratorType { get; init; }
    public int AcceleratorCount { get; private init; } = 1;

    /// <summary>FP16, BF16 and unspecified mean: as stored.</summary>
    public Precision Precision { get; private init; }
    public KvPrecision KvPrecision { get; private init; }
    public PlacementRule Placement { get; private init; } = PlacementRule.Global;

    /// <summary>0 means the model's.</summary>
    public int MaxContextLength { get; private init; }
    public bool EnableAddons { get; private init; }

    /// <summary>In memory at once; 0 means the usual.</summary>
    public int MaxLoadedAddons { get; private init; }

    /// <summary>As asked for; by its full name once it was found.</summary>
    public string? DraftModel { get; private init; }

    /// <summary>0 switches drafts off; null was not asked.</summary>
    public int? DraftTokenCount { get; private init; }
    public int NgramSpeculationLength { get; private init; }
    public bool LongPrompt { get; private init; }

    /// <summary>Its replicas are started on however few accelerators.</summary>
    public bool DisableSizeValidation { get; private init; }

    /// <summary>How much the gateway holds while no replica is ready.</summary>
    public HoldLimits Hold { get; private init; } = HoldLimits.Default;

    public BrokenStreams BrokenStreams { get; private init; }

    /// <summary>
    /// The field rules, those that need neither model nor inventory; all broken ones at once, as INVALID_ARGUMENT. The
    /// base model has its full name by now.
    /// </summary>
    /// <param name="defaultType">What a request without an accelerator type gets.</param>
    /// <param name="current">The spec to be updated; null at creation.</param>
    public static Result<DeploymentSpec> From(
        DeploymentResource asked, AcceleratorType defaultType, DeploymentSpec? current = null, Violations? found = null)
    {
        var violations = found ?? new Violations();
        var fields = new DeploymentFields(asked, violations);
        var model = violations.Parse<ModelName>("base_model", asked.BaseModel);
        var (min, max) = fields.ReplicaCounts();
        var longPrompt = asked.AutoTune?.LongPrompt ?? false;
        var spec = new DeploymentSpec(model ?? AnyModel)
        {
            DisplayName = fields.Text("display_name", asked.DisplayName, 63),
            Description = fields.Text("description", asked.Description, 999),
            MinReplicas = min,
            MaxReplicas = max,
            Scaling = fields.Scaling(min),
            LoadTargets = fields.LoadTargets(),
            AcceleratorType = fields.AcceleratorType() ?? defaultType,
            AcceleratorCount = fields.AcceleratorCount(longPrompt),
            Precision = fields.Precision(),
            KvPrecision = fields.KvPrecision(),
            Placement = fields.Placement(),
            MaxContextLength = fields.AtLeastZero("max_context_length", asked.MaxContextLength),
            EnableAddons = asked.EnableAddons ?? false,
            MaxLoadedAddons = fields.MaxLoadedAddons(),
            DraftModel = asked.DraftModel is { Length: > 0 } draft ? draft : null,
            DraftTokenCount = asked.DraftTokenCount,
            NgramSpeculationLength = fields.AtLeastZero("ngram_speculation_length", asked.NgramSpeculationLength),
            LongPrompt = longPrompt,
            DisableSizeValidation = asked.DisableDeploymentSizeValidation ?? false,
            Hold = fields.Hold(),
            BrokenStreams = fields.BrokenStreams(),
        };
        fields.Speculation();
        fields.Routing(spec.Placement);
        fields.Others(max);
        DeploymentRules.Combinations(spec, violations);
        if (current is not null) DeploymentRules.Immutable(spec, current, violations);
        return violations.Any ? violations.ToProblem() : spec;
    }

    /// <summary>The same with the count that the model needs, for a request that gave none.</summary>
    internal DeploymentSpec WithAcceleratorCount(int count) => this with { AcceleratorCount = count };

    /// <summary>The same with the draft model that was found for it.</summary>
    internal DeploymentSpec WithDraft(ModelName draft, int tokens) => this with { DraftModel = draft.ToString(), DraftTokenCount = tokens };

    /// <summary>The fields that a user may set, on the wire. <see cref="From"/> makes an equal spec of it.</summary>
    public DeploymentResource ToResource() => new()
    {
        BaseModel = BaseModel.ToString(),
        DisplayName = DisplayName,
        Description = Description,
        MinReplicaCount = MinReplicas,
        MaxReplicaCount = MaxReplicas,
        AutoscalingPolicy = new()
        {
            ScaleUpWindow = Scaling.Mode == ScalingMode.Auto ? null : ProtoDuration.Format(Scaling.UpWindow),
            ScaleDownWindow = Scaling.Mode == ScalingMode.Auto ? null : ProtoDuration.Format(Scaling.DownWindow),
            ScaleToZeroWindow = ProtoDuration.Format(Scaling.ToZeroWindow),
            LoadTargets = LoadTargets.Count == 0 ? null : LoadTargets,
            AutoscalingMode = Scaling.Mode == ScalingMode.Windows ? null : WireEnum.TextOf(Scaling.Mode),
        },
        AcceleratorCount = AcceleratorCount,
        AcceleratorType = AcceleratorType.Name,
        Precision = Precision == Precision.PrecisionUnspecified ? null : WireEnum.TextOf(Precision),
        EnableAddons = EnableAddons ? true : null,
        DraftModel = DraftModel,
        DraftTokenCount = DraftTokenCount,
        NgramSpeculationLength = NgramSpeculationLength == 0 ? null : NgramSpeculationLength,
        AutoTune = LongPrompt ? new() { LongPrompt = true } : null,
        DisableDeploymentSizeValidation = DisableSizeValidation ? true : null,
        Placement = Where(Placement),
        MaxContextLength = MaxContextLength == 0 ? null : MaxContextLength,
        StokerHold = Hold == HoldLimits.Default ? null : new()
        {
            MaxRequests = Hold.MaxRequests,
            MaxBytes = Hold.MaxBytes,
            Timeout = Hold.Timeout is { } timeout ? ProtoDuration.Format(timeout) : null,
        },
        StokerBrokenStreams = BrokenStreams == BrokenStreams.Resume ? null : WireEnum.TextOf(BrokenStreams),
        StokerKvPrecision = KvPrecision == KvPrecision.Bf16 ? null : WireEnum.TextOf(KvPrecision),
        StokerMaxLoadedAddons = MaxLoadedAddons == 0 ? null : MaxLoadedAddons,
    };

    /// <summary>Null: nothing is drafted.</summary>
    public Drafting? Drafting => DraftTokenCount is > 0 and var tokens && (DraftModel is not null || NgramSpeculationLength > 0)
        ? new(DraftModel, NgramSpeculationLength, tokens)
        : null;

    public ReplicaSettings ReplicaSettings => new(AcceleratorType, AcceleratorCount, MaxContextLength, LongPrompt)
    {
        Precision = Precision.IsAsStored() ? Precision.PrecisionUnspecified : Precision,
        KvPrecision = KvPrecision,
        Drafting = Drafting,
        EnableAddons = EnableAddons,
        MaxLoadedAddons = MaxLoadedAddons,
    };

    /// <summary>
    /// Whether running replicas can serve the other spec too: nothing differs that a replica is started with.
    /// </summary>
    public bool RunsAs(DeploymentSpec other) => ReplicaSettings == other.ReplicaSettings;

    /// <summary>Stands in while the rest is checked; a spec with it is never handed out.</summary>
    private static ModelName AnyModel { get; } = ModelName.Parse("accounts/none/models/none");

    private static PlacementResource Where(PlacementRule placement) => placement switch
    {
        { Group: { } group } => new() { MultiRegion = WireEnum.TextOf(group) },
        { Regions: [var only] } => new() { Region = only.Name },
        _ => new() { Regions = [.. placement.Regions.Select(region => region.Name)] },
    };
}
