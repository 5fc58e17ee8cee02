using Stoker.Api.Names;

namespace Stoker.ControlPlane.Deployments;

/// <summary>A deployment: what was asked, and what is observed.</summary>
/// <param name="Generation">Counts every change of what was asked.</param>
/// <param name="Revision">Counts the changes that only a new replica can carry out, such as another context
/// length.</param>
/// <param name="ScaledTo">
/// The count of the last <c>:scale</c>; null when an undeletion came after it. Bounds that changed before it was taken up
/// are put around it: what was acknowledged does not depend on who was faster.
/// </param>
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
    /// How often the count was set anew, by hand or by an undeletion; the status says how many of them were taken up.
    /// </summary>
    public int Scalings { get; init; }

    /// <summary>The count of a decision that no status has yet; null goes by the status.</summary>
    public int? Decided { get; init; }
    /// <summary>The update that was taken back last; null once another one is asked for.</summary>
    public RolledBack? RolledBack { get; init; }

    /// <summary>When it was brought back from its deletion last.</summary>
    public DateTimeOffset? UndeleteTime { get; init; }

    /// <summary>
    /// How many replicas there should be: what was set by hand or decided last, within bounds that may be newer. Before
    /// the first decision, and after a deletion was taken back, max(min, 1).
    /// </summary>
    public int DesiredReplicas => Deletion is null
        ? Math.Clamp(Decided ?? ManualCount ?? DecidedBefore ?? Math.Max(Spec.MinReplicas, 1), Spec.MinReplicas, Spec.MaxReplicas)
        : 0;

    /// <summary>A count by hand that no decision has taken up; null for none.</summary>
    internal int? ManualCount => IsSetAnew ? ScaledTo : null;

    /// <summary>What was decided last; null before the first decision, and after a deletion was taken back.</summary>
    internal int? DecidedBefore => Status switch
    {
        { ObservedGeneration: 0 } or { State: DeploymentState.Deleting or DeploymentState.Deleted } => null,
        // Nobody had seen the deletion, and yet it was one.
        _ when IsSetAnew && ScaledTo is null => null,
        _ => Status.DesiredReplicas,
    };

    private bool IsSetAnew => Scalings > Status.AppliedScalings;
}

/// <param name="Hard">Remove the record as soon as the replicas are gone, instead of keeping it until its purge
/// time.</param>
/// <param name="Cause">Why, when it was no person who asked.</param>
public sealed record DeletionRequest(DateTimeOffset Time, bool Hard, string? Cause = null);

/// <summary>An update that could not be carried out: the settings of an earlier revision are the wish again.</summary>
/// <param name="Revision">The revision that failed.</param>
public sealed record RolledBack(long Revision, string Cause, DateTimeOffset Time);
