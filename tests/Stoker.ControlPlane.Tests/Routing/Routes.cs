using Stoker.Api.Names;
using Stoker.ControlPlane.Addons;
using Stoker.ControlPlane.Routing;

namespace Stoker.ControlPlane.Tests.Routing;

/// <summary>Routes for tests.</summary>
internal static class Routes
{
    public static readonly DateTimeOffset Noon = new(2030, 1, 1, 12, 0, 0, TimeSpan.Zero);

    public static Route To(string deployment, string model, params IReadOnlyList<ReplicaTarget> ready) => new(
        DeploymentName.Parse(deployment),
        ModelName.Parse(model),
        ServedName: model,
        Noon,
        Waiting.Starting,
        Detail: null,
        new ModelCard("HF_BASE_MODEL", 512, SupportsChat: true, SupportsTools: false, SupportsImageInput: false),
        ready);

    /// <summary>The same route with one more addon on it.</summary>
    /// <param name="on">Ids of the replicas that have it.</param>
    public static Route With(this Route route, string model, string? failure = null, bool isDefault = true, bool isPublic = false, params string[] on)
    {
        var (name, id) = (ModelName.Parse(model), route.Name.Account);
        var addon = new AddonRoute(new(id, ResourceId.Parse($"{name.Model}-{route.Name.Deployment}")), name, $"{model}@digest", isDefault, isPublic, [.. on], failure);
        return route with { Addons = new(route.Addons.ByModel.SetItem(name, addon)) };
    }

    /// <summary>As the addons' loop would have published it.</summary>
    public static AddonSnapshot Deployed(params IReadOnlyList<Route> routes)
    {
        var directory = new AddonDirectory();
        directory.Begin(
            routes.Select(route => (route.Name, route.Addons)),
            (account, model) => routes.LastOrDefault(route => route.Name.Parent == account && route.To(model)?.Addon?.IsDefault == true)?.Name);
        return directory.Current!;
    }

    public static ReplicaTarget Replica(string id, int maxSequences = int.MaxValue) => new(id, new Uri("http://127.0.0.1:1"), null, maxSequences);
}
