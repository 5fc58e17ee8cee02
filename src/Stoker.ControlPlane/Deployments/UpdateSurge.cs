using Stoker.Api.Problems;
using Stoker.ControlPlane.Capacity;
using Stoker.ControlPlane.Replicas;

namespace Stoker.ControlPlane.Deployments;

/// <summary>
/// An update of what replicas are started with brings up a new replica before it stops an old one. With no room for it,
/// or none that the account may take, the update is refused: it would either wait for ever or serve with less.
/// </summary>
internal static class UpdateSurge
{
    /// <param name="all">Every deployment of every account, this one among them.</param>
    public static Problem? Refuse(
        Deployment deployment, DeploymentSpec wanted, Inventory inventory, IReadOnlyList<Deployment> all, CapacityTerms terms, DateTimeOffset now)
    {
        var serves = deployment.Status.Replicas.Any(replica => replica.State == ReplicaState.Ready);
        if (!serves || wanted.RunsAs(deployment.Spec)) return null; // nobody is served, or nothing is replaced
        var request = DeploymentCapacity.RequestOf(wanted, deployment.Status.Region);
        var limits = LimitsOf(deployment, request, inventory, all, terms, now);
        if (WhyNoQuota(deployment, request, limits) is { } overQuota) return Refused(deployment, wanted, $"the quota has no room for it: {overQuota}");

        var held = all.SelectMany(other => other.Status.Replicas).Select(replica => replica.Allotment).OfType<Allotment>().ToList();
        if (Placement.TryPlace(inventory, held, request, deployment.Status.Region, limits.Withheld) is not null) return null;
        if (IsReservedFor(request, inventory, limits.Withheld)) return null; // whoever has it gives it back
        var free = Placement.FreeCount(inventory, held, request);
        var kept = free - Placement.FreeCount(inventory, held, request, limits.Withheld);
        return Refused(
            deployment, wanted,
            $"there is no room for it: it needs {request.Count} {request.Type}, {free} are free"
            + $"{(kept > 0 ? $", of which {kept} are reserved for others" : "")}; there is {inventory}. Free capacity and try again");
    }

    /// <summary>What the reconciler will hold the new replica against.</summary>
    private static CapacityLimits LimitsOf(
        Deployment deployment, CapacityRequest request, Inventory inventory, IReadOnlyList<Deployment> all, CapacityTerms terms, DateTimeOffset now)
    {
        var everybody = all.Where(other => other.Name != deployment.Name).Append(deployment).ToList();
        var view = new CapacityView(
            terms, inventory, [.. everybody.SelectMany(DeploymentCapacity.HoldingsOf)], [.. everybody.SelectMany(DeploymentCapacity.ClaimsOf)], now);
        return view.For(deployment.Name.Parent, request.Type, DeploymentCapacity.HoldingsOf(deployment));
    }

    private static string? WhyNoQuota(Deployment deployment, CapacityRequest request, CapacityLimits limits)
    {
        var used = limits.QuotaUsed
            + DeploymentCapacity.HoldingsOf(deployment).Where(holding => holding.Allotment.Type == request.Type).Sum(holding => (long)holding.Count);
        return used + request.Count > limits.Quota
            ? CapacityTerms.OverQuota(deployment.Name.Parent, request.Type, used, limits.Quota, request.Count)
            : null;
    }

    private static bool IsReservedFor(CapacityRequest request, Inventory inventory, Withheld withheld) => inventory.Pools.Any(pool =>
        pool.Type == request.Type && request.Placement.Allows(pool.Region) && withheld.Own.GetValueOrDefault((pool.Region, pool.Type)) >= request.Count);

    private static Problem Refused(Deployment deployment, DeploymentSpec wanted, string why)
    {
        var id = deployment.Name.Deployment;
        var park = wanted.MinReplicas > 0
            ? $"`firectl update deployment {id} --min-replica-count 0` and `firectl scale deployment {id} --replica-count 0`"
            : $"`firectl scale deployment {id} --replica-count 0`";
        return new(
            Code.ResourceExhausted,
            $"This update starts a new replica before it stops an old one, and {why}, "
            + $"or stop the deployment first ({park}), update it and scale it up again");
    }
}
