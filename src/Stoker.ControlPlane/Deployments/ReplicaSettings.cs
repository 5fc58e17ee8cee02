using Stoker.Api.Resources;
using Stoker.ControlPlane.Capacity;
using Stoker.ControlPlane.Models;
using Stoker.ControlPlane.Resources;

namespace Stoker.ControlPlane.Deployments;

/// <summary>What a replica is started with: another value needs another replica, and makes a new revision.</summary>
/// <param name="MaxContextLength">0 means the model's.</param>
public sealed record ReplicaSettings(AcceleratorType AcceleratorType, int AcceleratorCount, int MaxContextLength, bool LongPrompt)
{
    /// <summary>FP16, BF16 and unspecified are one: as stored.</summary>
    public Precision Precision { get; init; }

    public KvPrecision KvPrecision { get; init; }

    public Drafting? Drafting { get; init; }

    /// <summary>Addons can be loaded beside the base model.</summary>
    public bool EnableAddons { get; init; }

    /// <summary>0 means the usual.</summary>
    public int MaxLoadedAddons { get; init; }

    /// <summary>The wish with these settings in it, and everything else as it is.</summary>
    public DeploymentResource Over(DeploymentResource wish) => Over(wish, Drafting) with
    {
        AcceleratorType = AcceleratorType.Name,
        AcceleratorCount = AcceleratorCount,
        MaxContextLength = MaxContextLength == 0 ? null : MaxContextLength,
        AutoTune = LongPrompt ? (wish.AutoTune ?? new()) with { LongPrompt = true } : null,
        Precision = Precision == Precision.PrecisionUnspecified ? null : WireEnum.TextOf(Precision),
        StokerKvPrecision = KvPrecision == KvPrecision.Bf16 ? null : WireEnum.TextOf(KvPrecision),
        EnableAddons = EnableAddons ? true : null,
        StokerMaxLoadedAddons = MaxLoadedAddons == 0 ? null : MaxLoadedAddons,
    };

    /// <summary>Where nothing drafted, what would draft may have been named and switched off: it stays named.</summary>
    private static DeploymentResource Over(DeploymentResource wish, Drafting? drafting) => drafting is null
        ? wish with { DraftTokenCount = wish.DraftTokenCount is null ? null : 0 }
        : wish with
        {
            DraftModel = drafting.Model,
            NgramSpeculationLength = drafting.NgramLength > 0 ? drafting.NgramLength : null,
            DraftTokenCount = drafting.Tokens,
        };
}

/// <summary>How the replicas of a deployment draft tokens ahead.</summary>
/// <param name="Model">Full name of the draft model or draft head; null with an n-gram.</param>
/// <param name="NgramLength">Tokens that are looked up in what is there already; 0 with a draft model.</param>
/// <param name="Tokens">Drafted at a time, at least 1.</param>
public sealed record Drafting(string? Model, int NgramLength, int Tokens);

/// <summary>A revision that served, to which an update that fails can be rolled back.</summary>
public sealed record ReadyRevision(long Revision, ReplicaSettings Settings);
