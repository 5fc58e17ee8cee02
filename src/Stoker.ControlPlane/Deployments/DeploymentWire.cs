using Stoker.Api.Problems;
using Stoker.Api.Resources;
using Stoker.ControlPlane.Replicas;

namespace Stoker.ControlPlane.Deployments;

/// <summary>A deployment as the wire shows it.</summary>
public static class DeploymentWire
{
    public static DeploymentResource ToResource(this Deployment deployment)
    {
        var (status, replicas) = (deployment.Status, deployment.Status.Replicas);
        return deployment.Spec.ToResource() with
        {
            Name = deployment.Name.ToString(),
            CreateTime = deployment.CreateTime,
            UpdateTime = deployment.UpdateTime,
            DeleteTime = status.DeleteTime,
            PurgeTime = status.PurgeTime,
            State = State(deployment).WireName(),
            Status = deployment.Deletion is null && status.Condition is { } condition ? new(condition.Code.Row().WireName, condition.Message) : null,
            DesiredReplicaCount = deployment.DesiredReplicas,
            ReplicaCount = replicas.Count(replica => replica.State is ReplicaState.Starting or ReplicaState.Loading or ReplicaState.Ready),
            ReplicaStats = new()
            {
                PendingSchedulingReplicaCount = replicas.Count(replica => replica.State == ReplicaState.Pending),
                DownloadingModelReplicaCount = 0,
                InitializingReplicaCount = replicas.Count(replica => replica.State is ReplicaState.Starting or ReplicaState.Loading),
                ReadyReplicaCount = replicas.Count(replica => replica.State == ReplicaState.Ready),
            },
            Region = status.Region?.Name,
            Emulated = status.Emulated ? true : null,
            Stockout = deployment.Deletion is null && status.Stockout is { } stockout ? Show(stockout) : null,
            CreatedBy = deployment.CreatedBy,
        };
    }

    private static StockoutResource Show(Stockout stockout) => new()
    {
        AcceleratorType = stockout.Type.Name,
        Region = stockout.Where,
        AcceleratorCount = stockout.Count,
        ReplicaCount = stockout.Replicas,
        StartTime = stockout.Since,
    };

    /// <summary>What was just asked shows at once, also before the reconciler has seen it.</summary>
    private static DeploymentState State(Deployment deployment) => deployment switch
    {
        { Deletion: not null, Status.State: not DeploymentState.Deleted } => DeploymentState.Deleting,
        { Deletion: null, Status: { State: DeploymentState.Deleted or DeploymentState.Deleting } } => DeploymentState.Updating,
        _ when deployment.Status.ObservedGeneration == deployment.Generation || deployment.Deletion is not null => deployment.Status.State,
        _ => deployment.Status.ReadyGeneration == 0 ? DeploymentState.Creating : DeploymentState.Updating,
    };
}
