using Stoker.ControlPlane.Capacity;
using Stoker.ControlPlane.Replicas;
using Stoker.ControlPlane.Runtimes;

namespace Stoker.ControlPlane.Deployments;

/// <summary>One thing to do to a runtime. Every step may be repeated.</summary>
public abstract record ReplicaStep(ReplicaId Id)
{
    public sealed record Start(Replica Replica) : ReplicaStep(Replica.Id);

    public sealed record Stop(ReplicaId Id) : ReplicaStep(Id);

    public sealed record Forget(ReplicaId Id) : ReplicaStep(Id);
}

/// <summary>All that a plan is made of.</summary>
/// <param name="Observed">Every replica that the runtime knows of this deployment, also those that the status does
/// not.</param>
/// <param name="ModelProblem">Why the model cannot be started now, or null.</param>
/// <param name="TakenByOthers">Slots that are not this deployment's to give. Looked at only where some are to be
/// given.</param>
public sealed record ReplicaPlanInput(
    Deployment Deployment,
    IReadOnlyList<ObservedReplica> Observed,
    string? ModelProblem,
    Inventory Inventory,
    IEnumerable<Allotment> TakenByOthers,
    DeploymentsOptions Options,
    DateTimeOffset Now)
{
    /// <summary>What quotas and reservations leave to it.</summary>
    public CapacityLimits Limits { get; init; } = CapacityLimits.None;
    /// <summary>The last request; null when there was none, or none is known.</summary>
    public DateTimeOffset? LastRequest { get; init; }

    /// <summary>How far its ready replicas are with its addons.</summary>
    public AddonProgress Addons { get; init; } = AddonProgress.None;

    /// <summary>How the answers of each revision went, as far as is known.</summary>
    public IReadOnlyDictionary<long, AnswerFigures> Figures { get; init; } = new Dictionary<long, AnswerFigures>();
}

/// <summary>
/// What to record and then to do for one deployment: the one place that decides about replicas. The status is to be
/// written before the steps are taken, so that whoever comes next knows of every replica that may be there.
/// </summary>
/// <param name="LookAgainAfter">When time alone changes the plan; null when only an event can.</param>
/// <param name="Remove">Nothing is left of the deployment: remove its row instead of writing the status.</param>
public sealed record ReplicaPlan(DeploymentStatus Status, IReadOnlyList<ReplicaStep> Steps, TimeSpan? LookAgainAfter, bool Remove)
{
    /// <summary>A change of the wish itself, to be written last; null for none.</summary>
    public DeploymentChange? Change { get; init; }

    /// <param name="newId">Makes the identities of new replicas.</param>
    public static ReplicaPlan For(ReplicaPlanInput input, Func<ReplicaId> newId) =>
        new ReplicaPlanner(input, newId).Plan();
}
