using System.Collections.ObjectModel;
using Stoker.Api.Names;
using Stoker.ControlPlane.Addons;
using Stoker.ControlPlane.Deployments;

namespace Stoker.ControlPlane.Routing;

/// <summary>Every deployment at one moment, immutable. A request takes the table once and keeps it.</summary>
public sealed class RoutingTable
{
    private readonly Dictionary<DeploymentName, Route> _deployments = [];
    private readonly Dictionary<(AccountName, ModelName), Route> _defaults = [];
    private readonly Dictionary<AccountName, List<Route>> _byAccount = [];

    private readonly AddonSnapshot _addons;
    private readonly IReadOnlyDictionary<ModelName, Retirement> _retired;

    /// <param name="addons">By model and by name; what each deployment has is in its route.</param>
    /// <param name="retired">Models that left the serverless tier on the day that was announced.</param>
    public RoutingTable(IEnumerable<Route> routes, AddonSnapshot? addons = null, IReadOnlyDictionary<ModelName, Retirement>? retired = null)
    {
        _retired = retired ?? ReadOnlyDictionary<ModelName, Retirement>.Empty;
        _addons = addons ?? AddonSnapshot.Empty;
        var sorted = routes.ToArray();
        Array.Sort(sorted, Compare);
        foreach (var route in sorted)
        {
            _deployments.Add(route.Name, route);
            if (!_byAccount.TryGetValue(route.Name.Parent, out var siblings)) _byAccount.Add(route.Name.Parent, siblings = []);
            siblings.Add(route);
            // The first deployment of a model answers for the model alone.
            if (route.Waiting != Waiting.Deleting) _defaults.TryAdd((route.Name.Parent, route.BaseModel), route);
        }
    }

    /// <summary>Oldest first; names are made only for those of one moment.</summary>
    private static int Compare(Route left, Route right) => left.CreateTime.CompareTo(right.CreateTime) is var order and not 0
        ? order
        : string.CompareOrdinal(left.Name.ToString(), right.Name.ToString());

    /// <summary>
    /// Before the first look at the deployments: a name that it lacks may name something all the same.
    /// </summary>
    public static RoutingTable Unknown { get; } = new([]);

    public bool IsKnown => !ReferenceEquals(this, Unknown);

    public IReadOnlyCollection<Route> All => _deployments.Values;

    public Route? Find(DeploymentName name) => _deployments.GetValueOrDefault(name);

    /// <summary>The deployments of an account, oldest first.</summary>
    public IReadOnlyList<Route> Of(AccountName account) =>
        _byAccount.TryGetValue(account, out var routes) ? routes : [];

    /// <summary>Whether the model's name alone leads there, for callers of its account.</summary>
    public bool IsDefault(Route route) => route.Addon is { } addon
        ? ReferenceEquals(DefaultAddon(route.Name.Parent, route.Name.Parent, addon.Model), route)
        : ReferenceEquals(_defaults.GetValueOrDefault((route.Name.Parent, route.BaseModel)), route) && DefaultAddon(route.Name.Parent, route.Name.Parent, route.BaseModel) is null;

    /// <summary>
    /// Where a name leads for a caller: null when it names nothing that the caller may use, whatever the cause.
    /// </summary>
    /// <remarks>
    /// Both halves of <c>model#deployment</c> must fit together. A model alone means the caller's own default
    /// deployment of it: of an addon the deployment that it was loaded on as the default, before one that it is merged into, because the
    /// first can be moved and the second cannot; then, of an addon, the public default of its own account; then the
    /// serverless tier.
    /// </remarks>
    public Route? Find(AccountName caller, ModelReference reference)
    {
        if (reference.DeployedModel is { } deployed)
        {
            var found = _addons.ByName.TryGetValue(deployed, out var at) && (deployed.Parent == caller || !at.Deployment.IsShared());
            return found ? Addon(caller, at.Deployment, at.Model) : null;
        }

        if (reference.Deployment is { } name)
        {
            if (!_deployments.TryGetValue(name, out var route)) return null;
            if (reference.Model is { } named && named != route.BaseModel) return Addon(caller, name, named);
            return name.Parent == caller ? route : null;
        }

        return reference.Model is { } model ? Find(caller, model) : null;
    }

    private Route? Find(AccountName caller, ModelName model) =>
        DefaultAddon(caller, caller, model)
        ?? _defaults.GetValueOrDefault((caller, model))
        ?? DefaultAddon(caller, model.Parent, model)
        ?? DefaultAddon(caller, AccountName.Library, model)
        ?? _defaults.GetValueOrDefault((AccountName.Library, model));

    /// <summary>Whether a name that leads nowhere led to the serverless tier once; null when it did not.</summary>
    public Retirement? Retired(ModelReference reference) =>
        reference is { Deployment: null, Model: { } model } ? _retired.GetValueOrDefault(model) : null;

    /// <summary>What a caller reaches on the serverless tier, base models and its addons there; what it has a deployment of its own for leads there instead.</summary>
    public IEnumerable<Route> SharedFor(AccountName caller)
    {
        foreach (var route in Of(AccountName.Library))
        {
            if (ReferenceEquals(Find(caller, route.BaseModel), route)) yield return route;
            foreach (var addon in route.Addons.ByModel.Values.Where(addon => addon.Tenants.ContainsKey(caller)).OrderBy(addon => addon.Name.ToString(), StringComparer.Ordinal))
            {
                if (route.To(addon.Model) is { } own && ReferenceEquals(Find(caller, addon.Model), own)) yield return own;
            }
        }
    }

    /// <summary>
    /// While the default's deployment is being deleted, or is deleted and can come back, and where it is gone already and its successor
    /// is still to be written down, that one answers: the oldest other one.
    /// </summary>
    private Route? DefaultAddon(AccountName caller, AccountName owner, ModelName model)
    {
        if (!_addons.Defaults.TryGetValue((owner, model), out var deployment)) return null;
        var own = _deployments.GetValueOrDefault(deployment)?.To(model);
        return own is null or { Waiting: Waiting.Deleting } && OldestAddon(caller, owner, model) is { } heir ? heir
            : own is not null && MayUse(caller, own) ? own
            : null;
    }

    private Route? OldestAddon(AccountName caller, AccountName owner, ModelName model)
    {
        Route? oldest = null;
        var routes = Of(owner);
        for (var index = 0; index < routes.Count; index++)
        {
            if (routes[index].Waiting == Waiting.Deleting || routes[index].To(model) is not { } other || !MayUse(caller, other)) continue;
            if (oldest is null || other.Addon!.CreateTime < oldest.Addon!.CreateTime) oldest = other;
        }

        return oldest;
    }

    private Route? Addon(AccountName caller, DeploymentName deployment, ModelName model) =>
        _deployments.TryGetValue(deployment, out var route) && route.To(model) is { } found && MayUse(caller, found) ? found : null;

    private static bool MayUse(AccountName caller, Route toAddon) => toAddon.Name.Parent == caller || toAddon.Addon!.Public || toAddon.Addon.Tenants.ContainsKey(caller);
}
