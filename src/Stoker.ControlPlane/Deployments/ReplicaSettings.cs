using Stoker.Api.Resources;
using Stoker.ControlPlane.Capacity;

namespace Stoker.ControlPlane.Deployments;

/// <summary>What a replica is started with: another value needs another replica, and makes a new revision.</summary>
/// <param name="MaxContextLength">0 means the model's.</param>
public sealed record ReplicaSettings(AcceleratorType AcceleratorType, int AcceleratorCount, int MaxContextLength, bool LongPrompt)
{
    /// <summary>Addons can be loaded beside the base model.</summary>
    public bool EnableAddons { get; init; }

    /// <summary>The wish with these settings in it, and everything else as it is.</summary>
    public DeploymentResource Over(DeploymentResource wish) => wish with
    {
        AcceleratorType = AcceleratorType.Name,
        AcceleratorCount = AcceleratorCount,
        MaxContextLength = MaxContextLength == 0 ? null : MaxContextLength,
        AutoTune = LongPrompt ? (wish.AutoTune ?? new()) with { LongPrompt = true } : null,
        EnableAddons = EnableAddons ? true : null,
    };
}

/// <summary>A revision that served, to which an update that fails can be rolled back.</summary>
public sealed record ReadyRevision(long Revision, ReplicaSettings Settings);
