using Stoker.Api.Names;
using Stoker.Api.Problems;
using Stoker.ControlPlane.Capacity;
using Stoker.ControlPlane.Models;
using Stoker.ControlPlane.Replicas;

namespace Stoker.ControlPlane.Deployments;

/// <summary>What a deployment needs and holds of the inventory. Pure.</summary>
internal static class DeploymentCapacity
{
    /// <summary>For a model whose files do not say: what the oldest supported models have.</summary>
    public const int FallbackContextLength = 2048;

    public static int ContextLength(DeploymentSpec spec, Model model) =>
        spec.MaxContextLength > 0 ? spec.MaxContextLength : model.ContextLength ?? FallbackContextLength;

    /// <summary>The accelerator count of a request that gave none.</summary>
    public static int CountFor(DeploymentSpec spec, Model model, Model? draft) =>
        AcceleratorNeed.Count(spec.AcceleratorType, MemoryOf(spec, model, draft), spec.LongPrompt);

    /// <summary>What one replica keeps in memory; null when the size of the model is not known.</summary>
    /// <param name="model">Whose weights are loaded.</param>
    /// <param name="draft">The draft model that was asked for or proposed, which the spec may have switched off.</param>
    public static ReplicaMemory? MemoryOf(DeploymentSpec spec, Model model, Model? draft) => ReplicaMemory.Of(
        model, spec.Precision, ContextLength(spec, model), spec.KvPrecision, spec.Drafting?.Model is null ? null : draft,
        LoadedAddons(spec));

    /// <summary>In memory at once on one replica.</summary>
    public static int LoadedAddons(DeploymentSpec spec) => !spec.EnableAddons ? 0 : spec.MaxLoadedAddons == 0 ? ReplicaMemory.UsualAddons : spec.MaxLoadedAddons;

    /// <param name="region">Where it runs already; null leaves its placement open.</param>
    public static CapacityRequest RequestOf(DeploymentSpec spec, Region? region) =>
        new(region is null ? spec.Placement : PlacementRule.In(region), spec.AcceleratorType, spec.AcceleratorCount);

    public static bool IsEmulated(DeploymentSpec spec, Inventory inventory) =>
        inventory.Pools.Any(pool => pool.Type == spec.AcceleratorType && pool.IsEmulated);

    /// <summary>The status of a deployment that nobody has looked at yet.</summary>
    public static DeploymentStatus StatusOf(DeploymentSpec spec, Inventory inventory) => new() { Emulated = IsEmulated(spec, inventory) };

    public static IEnumerable<Holding> HoldingsOf(Deployment deployment) => deployment.Status.Replicas
        .Where(replica => replica.Allotment is not null)
        .Select(replica => new Holding(
            deployment.Name.Parent, replica.Id, replica.Allotment!, replica.CreateTime, replica.State == ReplicaState.Draining));

    public static IEnumerable<CapacityClaim> ClaimsOf(Deployment deployment) => deployment.Status.Replicas
        .Where(replica => replica.State == ReplicaState.Pending)
        .Select(_ => new CapacityClaim(deployment.Name.Parent, RequestOf(deployment.Spec, deployment.Status.Region)));

    /// <summary>
    /// Why an account may not have this much, or null. What counts is what deployments are sure to hold: their minimum, or
    /// the first replica that a create brings up, or what they hold beyond it.
    /// </summary>
    /// <param name="others">The account's other deployments.</param>
    public static Problem? OverQuota(
        AccountName account, DeploymentSpec spec, DeploymentSpec? current, IEnumerable<Deployment> others, long limit)
    {
        var asking = Sure(spec);
        if (current is not null && current.AcceleratorType == spec.AcceleratorType && asking <= Sure(current)) return null;
        var inUse = others
            .Where(other => other.Spec.AcceleratorType == spec.AcceleratorType)
            .Sum(other => other.Deletion is null ? Math.Max(Sure(other.Spec), Held(other)) : Held(other));
        if (inUse + asking <= limit) return null;
        const string Field = "accelerator_count";
        var text = CapacityTerms.OverQuota(account, spec.AcceleratorType, inUse, limit, asking);
        return new Problem(Code.ResourceExhausted, text, [new(Field, text)]);
    }

    private static long Sure(DeploymentSpec spec) => (long)spec.AcceleratorCount * Math.Max(spec.MinReplicas, Math.Min(spec.MaxReplicas, 1));

    private static long Held(Deployment deployment) => HoldingsOf(deployment).Sum(holding => (long)holding.Count);
}

/// <summary>What all deployments hold, for the slice that does not know them.</summary>
internal sealed class DeploymentCapacityUse(DeploymentStore store) : ICapacityUse
{
    public async Task<IReadOnlyList<Holding>> HoldingsAsync(CancellationToken cancellation)
    {
        var (_, all) = await store.ListAsync(account: null, cancellation);
        return [.. all.SelectMany(stored => DeploymentCapacity.HoldingsOf(stored.Deployment))];
    }
}
