using System.Collections.Immutable;
using Stoker.Api.Names;
using Stoker.ControlPlane.Storage;

namespace Stoker.ControlPlane.Addons;

/// <summary>An addon on a deployment, for those who send requests.</summary>
/// <param name="ServedName">The name that replicas know it by.</param>
/// <param name="On">Ids of the replicas that have it: no other gets its requests.</param>
/// <param name="Failure">Why all replicas gave up on it; null while it is there or on its way, and without replicas: the next one tries anew.</param>
public sealed record AddonRoute(
    DeployedModelName Name, ModelName Model, string ServedName, bool IsDefault, bool Public, ImmutableHashSet<string> On, string? Failure)
{
    /// <summary>When it was deployed: the oldest takes the place of a default that is gone.</summary>
    public DateTimeOffset CreateTime { get; init; }

    /// <summary>On the serverless tier those who deployed it, and under which name: nobody else may call it. Empty elsewhere.</summary>
    public ImmutableDictionary<AccountName, DeployedModelName> Tenants { get; init; } = ImmutableDictionary<AccountName, DeployedModelName>.Empty;

    internal bool IsSame(AddonRoute other) =>
        other with { On = On, Tenants = Tenants } == this && other.On.SetEquals(On)
        && other.Tenants.Count == Tenants.Count && other.Tenants.All(tenant => Tenants.GetValueOrDefault(tenant.Key) == tenant.Value);
}

/// <summary>The addons of one deployment at one moment.</summary>
public sealed record DeploymentAddons(ImmutableDictionary<ModelName, AddonRoute> ByModel)
{
    public static DeploymentAddons None { get; } = new(ImmutableDictionary<ModelName, AddonRoute>.Empty);
}

/// <summary>All addons at one moment. Immutable: take it once.</summary>
public sealed record AddonSnapshot(
    ImmutableDictionary<DeploymentName, DeploymentAddons> Deployments,
    ImmutableDictionary<(AccountName, ModelName), DeploymentName> Defaults,
    ImmutableDictionary<DeployedModelName, (DeploymentName Deployment, ModelName Model)> ByName)
{
    public static AddonSnapshot Empty { get; } = new(
        ImmutableDictionary<DeploymentName, DeploymentAddons>.Empty,
        ImmutableDictionary<(AccountName, ModelName), DeploymentName>.Empty,
        ImmutableDictionary<DeployedModelName, (DeploymentName, ModelName)>.Empty);

    public DeploymentAddons Of(DeploymentName name) => Deployments.GetValueOrDefault(name, DeploymentAddons.None);
}

/// <summary>Where addons are. <see cref="AddonReconciler"/> alone writes it; the gateway's table is made of it.</summary>
public sealed class AddonDirectory
{
    private readonly ChangeSignal _changed = new();
    private volatile AddonSnapshot? _current;

    /// <summary>Null before the first look: what is not in it may be there all the same.</summary>
    public AddonSnapshot? Current => _current;

    /// <summary>Ends with the next change. Take it before <see cref="Current"/>.</summary>
    public Task Changed => _changed.Next;

    /// <summary>All that there is, at once: an addon that waits for its first look must not be called missing.</summary>
    /// <param name="answering">See <see cref="Publish"/>.</param>
    public void Begin(IEnumerable<(DeploymentName Name, DeploymentAddons Addons)> all, Func<AccountName, ModelName, DeploymentName?> answering)
    {
        _current = all.Aggregate(AddonSnapshot.Empty, (before, item) => With(before, item.Name, item.Addons, answering));
        _changed.Raise();
    }

    /// <summary>What one deployment has now, if that is something new; those of all others are left alone, so that thousands cost little.</summary>
    /// <param name="answering">
    /// Which deployment of an account answers for an addon's name: where it is no more this one, the next one is there in the same step.
    /// </param>
    public void Publish(DeploymentName name, DeploymentAddons addons, Func<AccountName, ModelName, DeploymentName?> answering)
    {
        var before = _current ?? AddonSnapshot.Empty;
        if (IsSame(before, name, addons, answering)) return;
        _current = With(before, name, addons, answering);
        _changed.Raise();
    }

    private static bool IsSame(AddonSnapshot before, DeploymentName name, DeploymentAddons addons, Func<AccountName, ModelName, DeploymentName?> answering)
    {
        var known = before.Of(name).ByModel;
        return known.Count == addons.ByModel.Count
            && addons.ByModel.All(pair =>
                known.TryGetValue(pair.Key, out var other) && pair.Value.IsSame(other)
                && before.Defaults.GetValueOrDefault((name.Parent, pair.Key)) == Answering(name, addons, pair.Key, answering));
    }

    /// <summary>What a deployment has as the default it answers for; of what it has not or not so, another one may.</summary>
    private static DeploymentName? Answering(
        DeploymentName name, DeploymentAddons addons, ModelName model, Func<AccountName, ModelName, DeploymentName?> answering) =>
        addons.ByModel.TryGetValue(model, out var own) && own.IsDefault ? name : answering(name.Parent, model);

    private static AddonSnapshot With(
        AddonSnapshot before, DeploymentName name, DeploymentAddons addons, Func<AccountName, ModelName, DeploymentName?> answering)
    {
        var (defaults, names) = (before.Defaults.ToBuilder(), before.ByName.ToBuilder());
        foreach (var gone in before.Of(name).ByModel.Values)
        {
            names.Remove(gone.Name);
            names.RemoveRange(gone.Tenants.Values);
        }

        foreach (var addon in addons.ByModel.Values)
        {
            names[addon.Name] = (name, addon.Model);
            foreach (var tenant in addon.Tenants.Values) names[tenant] = (name, addon.Model);
        }

        foreach (var model in before.Of(name).ByModel.Keys.Union(addons.ByModel.Keys))
        {
            if (Answering(name, addons, model, answering) is { } deployment) defaults[(name.Parent, model)] = deployment;
            else defaults.Remove((name.Parent, model));
        }

        var all = addons.ByModel.IsEmpty ? before.Deployments.Remove(name) : before.Deployments.SetItem(name, addons);
        return new(all, defaults.ToImmutable(), names.ToImmutable());
    }
}
