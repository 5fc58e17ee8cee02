using Stoker.Api.Problems;
using Stoker.ControlPlane.Capacity;
using Stoker.ControlPlane.Replicas;

namespace Stoker.ControlPlane.Deployments;

/// <summary>
/// An update of what replicas are started with brings up a new replica before it stops an old one. With no room for it
/// the update is refused: it would either wait for ever or serve with less.
/// </summary>
internal static class UpdateSurge
{
    /// <param name="taken">Every slot that a replica holds, this deployment's own among them.</param>
    public static Problem? Refuse(Deployment deployment, DeploymentSpec wanted, Inventory inventory, IEnumerable<Allotment> taken)
    {
        var serves = deployment.Status.Replicas.Any(replica => replica.State == ReplicaState.Ready);
        if (!serves || wanted.RunsAs(deployment.Spec)) return null; // nobody is served, or nothing is replaced
        var held = taken.ToList();
        var request = DeploymentCapacity.RequestOf(wanted, deployment.Status.Region);
        if (Placement.TryPlace(inventory, held, request, deployment.Status.Region) is not null) return null;

        var (id, free) = (deployment.Name.Deployment, Placement.FreeCount(inventory, held, request));
        var park = wanted.MinReplicas > 0
            ? $"`firectl update deployment {id} --min-replica-count 0` and `firectl scale deployment {id} --replica-count 0`"
            : $"`firectl scale deployment {id} --replica-count 0`";
        return new(
            Code.ResourceExhausted,
            $"This update starts a new replica before it stops an old one, and there is no room for it: it needs {request.Count} {request.Type}, "
            + $"{free} are free; there is {inventory}. Free capacity and try again, or stop the deployment first ({park}), update it and scale it up again");
    }
}
