using System.Diagnostics.CodeAnalysis;
using Stoker.Api.Names;
using Stoker.ControlPlane.Capacity;
using Stoker.ControlPlane.Runtimes;

namespace Stoker.ControlPlane.Deployments;

/// <summary>
/// All deployments as their reconciler saw them last, with what they hold and wait for together: added up when it is
/// asked for after a change, not at each look. For the reconciler alone.
/// </summary>
internal sealed class KnownDeployments
{
    private readonly Dictionary<DeploymentName, Deployment> _all = [];
    private IReadOnlyList<Holding>? _holdings;
    private IReadOnlyList<CapacityClaim>? _claims;
    private HashSet<ReplicaId>? _recorded;

    public IReadOnlyCollection<Deployment> All => _all.Values;

    /// <summary>The same list as long as nothing is given or given back.</summary>
    public IReadOnlyList<Holding> Holdings => _holdings ??= [.. _all.Values.SelectMany(DeploymentCapacity.HoldingsOf)];

    /// <summary>The same list as long as no replica begins or ceases to wait.</summary>
    public IReadOnlyList<CapacityClaim> Claims => _claims ??= [.. _all.Values.SelectMany(DeploymentCapacity.ClaimsOf)];

    /// <summary>Replicas that some deployment has in its record.</summary>
    public IReadOnlySet<ReplicaId> Recorded => _recorded ??= [.. _all.Values.SelectMany(deployment => deployment.Status.Replicas).Select(replica => replica.Id)];

    public bool TryGet(DeploymentName name, [NotNullWhen(true)] out Deployment? deployment) => _all.TryGetValue(name, out deployment);

    public void Set(Deployment deployment)
    {
        if (!_all.TryGetValue(deployment.Name, out var before) || !HoldsTheSame(before, deployment)) Forget();
        _all[deployment.Name] = deployment;
    }

    public bool Remove(DeploymentName name)
    {
        if (!_all.Remove(name)) return false;
        Forget();
        return true;
    }

    public void Clear()
    {
        _all.Clear();
        Forget();
    }

    private void Forget() => (_holdings, _claims, _recorded) = (null, null, null);

    /// <summary>What is held follows from the replicas alone, what is waited for from the wish and the region too.</summary>
    private static bool HoldsTheSame(Deployment before, Deployment after) =>
        ReferenceEquals(before.Spec, after.Spec)
        && before.Status.Region == after.Status.Region
        && before.Status.Replicas.SequenceEqual(after.Status.Replicas);
}
