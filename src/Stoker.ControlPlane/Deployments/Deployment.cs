using Stoker.Api.Names;

namespace Stoker.ControlPlane.Deployments;

/// <summary>A deployment: what was asked, and what is observed.</summary>
/// <param name="Generation">Counts every change of what was asked.</param>
/// <param name="Revision">Counts the changes that only a new replica can carry out, such as another context
/// length.</param>
/// <param name="ScaledTo">The count of the last <c>:scale</c>; null when the bounds changed since.</param>
/// <param name="CreatedBy">The user who created it, by full name.</param>
public sealed record Deployment(
    DeploymentName Name,
    DeploymentSpec Spec,
    DeploymentStatus Status,
    long Generation,
    long Revision,
    int? ScaledTo,
    DeletionRequest? Deletion,
    string? CreatedBy,
    DateTimeOffset CreateTime,
    DateTimeOffset UpdateTime)
{
    /// <summary>How often a count was set by hand; the status says how many of them were taken up.</summary>
    public int Scalings { get; init; }

    /// <summary>The count of a decision that no status has yet; null goes by the status.</summary>
    public int? Decided { get; init; }

    /// <summary>
    /// How many replicas there should be: what was decided last, within bounds that may be newer. Before the first
    /// decision, and after a deletion was taken back, max(min, 1).
    /// </summary>
    public int DesiredReplicas => Deletion is null
        ? Math.Clamp(Decided ?? (WasDecided ? Status.DesiredReplicas : Math.Max(Spec.MinReplicas, 1)), Spec.MinReplicas, Spec.MaxReplicas)
        : 0;

    internal bool WasDecided =>
        Status is { ObservedGeneration: > 0, State: not (DeploymentState.Deleting or DeploymentState.Deleted) };
}

/// <param name="Hard">Remove the record as soon as the replicas are gone, instead of keeping it until its purge
/// time.</param>
public sealed record DeletionRequest(DateTimeOffset Time, bool Hard);
