using Stoker.Api.Names;

namespace Stoker.ControlPlane.Deployments;

/// <summary>A deployment: what was asked, and what is observed.</summary>
/// <param name="Generation">Counts every change of what was asked.</param>
/// <param name="Revision">Counts the changes that only a new replica can carry out, such as another context
/// length.</param>
/// <param name="ScaledTo">The count of the last <c>:scale</c>, until the bounds change; null follows the
/// bounds.</param>
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
    /// <summary>
    /// How many replicas there should be. With a fixed count this is no more than the bounds and a manual scale within
    /// them.
    /// </summary>
    public int DesiredReplicas => Deletion is null
        ? Math.Clamp(ScaledTo ?? Math.Max(Spec.MinReplicas, 1), Spec.MinReplicas, Spec.MaxReplicas)
        : 0;
}

/// <param name="Hard">Remove the record as soon as the replicas are gone, instead of keeping it until its purge
/// time.</param>
public sealed record DeletionRequest(DateTimeOffset Time, bool Hard);
