using Microsoft.Extensions.Logging.Abstractions;
using Stoker.Api.Names;
using Stoker.Api.Problems;
using Stoker.Api.Resources;
using Stoker.ControlPlane.Addons;
using Stoker.ControlPlane.Models;
using Stoker.ControlPlane.Reconciling;
using Stoker.ControlPlane.Resources;
using Stoker.ControlPlane.Runtimes;
using Stoker.ControlPlane.Tests.Deployments;

namespace Stoker.ControlPlane.Tests.Addons;

/// <summary>Deployments with addons, on a clock that moves when told to: <see cref="DeploymentWorld"/> and what keeps addons there.</summary>
internal sealed class AddonWorld : IAsyncDisposable
{
    private WorkQueue<DeploymentName> _queue;

    public AddonWorld(int slots = 4)
    {
        World = new(slots);
        Store = new(World.Rows);
        Commands = new(Store, World.Store, new(World.Models), Microsoft.Extensions.Options.Options.Create(Options));
        _queue = new(World.Time);
        (Directory, Reconciler) = NewServer();
    }

    public DeploymentWorld World { get; }
    public DeployedModelStore Store { get; }
    public AddonCommands Commands { get; }
    public AddonsOptions Options { get; } = new();
    public AddonDemand Demand { get; } = new();
    public AddonDirectory Directory { get; private set; }
    public AddonReconciler Reconciler { get; private set; }

    /// <summary>Replicas that are ready.</summary>
    public IReadOnlyList<ReplicaId> Ready(string id) => [.. World.Routed(id).Select(endpoint => endpoint.Id)];

    /// <summary>A base model, and a deployment of it with replicas that are ready.</summary>
    public async Task DeployAsync(string id = "d", int replicas = 2, string model = "story-3m")
    {
        await World.AddModelAsync(model, allowTaken: true);
        await World.CreateAsync(id, new() { BaseModel = model, EnableAddons = true, MinReplicaCount = replicas, MaxReplicaCount = Math.Max(replicas, 1) });
        await PassAsync(5);
    }

    public async Task AddAddonAsync(string id, string baseModel = "accounts/fireworks/models/story-3m", string digest = "1", int rank = 8, bool ready = true, ModelKind kind = ModelKind.HfPeftAddon, string account = "acme")
    {
        var inspection = new ModelInspection(
            kind, null, ContextLength: null, ParameterCount: 1000, WeightBytes: 2000, Moe: false, SupportsChat: true, SupportsTools: false, SupportsLora: false,
            [], new Dictionary<string, double>(), new PeftInspection(rank, ["q_proj"], null), Warnings: []);
        var status = ready
            ? ModelStatus.Empty(null) with { State = ModelState.Ready, Folder = $"/addons/{id}", Inspection = inspection, FilesDigest = digest }
            : ModelStatus.Empty(new("FAILED_PRECONDITION", "no files yet"));
        var spec = new ModelResource { Kind = WireEnum.TextOf(kind), Public = account == "fireworks", PeftDetails = new() { BaseModel = baseModel, R = rank, TargetModules = ["q_proj"] } };
        (await World.Models.Rows.CreateAsync(AccountName.Parse($"accounts/{account}").Model(ResourceId.Parse(id)), spec, status, default)).Problem.ShouldBeNull();
    }

    /// <summary>The model is deleted, and made again with other files.</summary>
    public async Task RemoveAddonAsync(string id) =>
        (await World.Models.Rows.DeleteAsync((await World.Models.Rows.FindAsync(ModelOf(id), default))!, default)).Problem.ShouldBeNull();

    public static ModelName ModelOf(string id) => DeploymentWorld.Account.Model(ResourceId.Parse(id));

    public static string Served(string id, string digest = "1") => $"accounts/acme/models/{id}@{digest}";

    public static DeployedModelName NameOf(string id, string deployment = "d") => AddonRules.NameOf(ModelOf(id), DeploymentWorld.Name(deployment));

    public Task<Result<DeployedModelResource>> TryLoadAsync(string id, string deployment = "d", bool? isDefault = null) =>
        Commands.LoadAsync(DeploymentWorld.Account, new() { Model = id, Deployment = deployment, Default = isDefault }, default);

    public async Task LoadAsync(string id, string deployment = "d", bool? isDefault = null)
    {
        (await TryLoadAsync(id, deployment, isDefault)).Problem.ShouldBeNull();
        await SettleAsync();
    }

    public async Task UnloadAsync(string id, string deployment = "d")
    {
        (await Commands.UnloadAsync(NameOf(id, deployment), default)).Problem.ShouldBeNull();
        await SettleAsync();
    }

    public async Task<DeployedModelResource?> FindAsync(string id, string deployment = "d") =>
        (await Store.Rows.FindAsync(NameOf(id, deployment), default))?.ToResource();

    public async Task<DeployedModelResource> GetAsync(string id, string deployment = "d") => (await FindAsync(id, deployment)).ShouldNotBeNull();

    public AddonRoute? Route(string id, string deployment = "d") => Directory.Current!.Of(DeploymentWorld.Name(deployment)).ByModel.GetValueOrDefault(ModelOf(id));

    /// <summary>Looks at everything until nothing is left to look at now.</summary>
    public async Task SettleAsync()
    {
        await World.SettleAsync();
        Reconciler.WakeChanged(_queue);
        foreach (var row in (await Store.Rows.ListAsync(null, default)).Items) _queue.Add(row.Spec.Deployment);
        for (var turns = 0; _queue.TryTake(out var name); turns++)
        {
            turns.ShouldBeLessThan(10_000, "The reconciler does not come to rest");
            if (await Reconciler.ReconcileAsync(name, _queue, default) is { } delay) _queue.AddAfter(name, delay);
        }
    }

    public async Task PassAsync(double seconds)
    {
        for (var passed = 0.0; passed < seconds; passed += 0.5)
        {
            await World.PassAsync(0.5);
            await SettleAsync();
        }
    }

    /// <summary>The server is killed and another one starts; replicas live on.</summary>
    public async Task RestartServerAsync()
    {
        await World.RestartServerAsync();
        _queue.Dispose();
        _queue = new(World.Time);
        (Directory, Reconciler) = NewServer();
        await Reconciler.LoadAsync(_queue, default);
    }

    public async ValueTask DisposeAsync()
    {
        _queue.Dispose();
        await World.DisposeAsync();
    }

    private (AddonDirectory, AddonReconciler) NewServer()
    {
        var directory = new AddonDirectory();
        directory.Begin([], (_, _) => null);
        return (directory, new(Store, World.Store, World.Models, World.Runtime, World.Directory, directory, Demand, World.Time, NullLogger<AddonReconciler>.Instance, Microsoft.Extensions.Options.Options.Create(Options)));
    }
}
