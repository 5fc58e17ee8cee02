using System.Collections.Concurrent;
using System.Collections.Immutable;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Stoker.Api.Names;
using Stoker.ControlPlane.Deployments;
using Stoker.ControlPlane.Models;
using Stoker.ControlPlane.Reconciling;
using Stoker.ControlPlane.Replicas;
using Stoker.ControlPlane.Runtimes;
using Row = Stoker.ControlPlane.Storage.Stored<
    Stoker.Api.Names.DeployedModelName, Stoker.ControlPlane.Addons.DeployedModelSpec, Stoker.ControlPlane.Addons.DeployedModelStatus>;

namespace Stoker.ControlPlane.Addons;

/// <summary>
/// Brings every ready replica to the addons that its deployment is to have. The only writer of their statuses and of the
/// addon directory; it may be killed at any line and goes on from what replicas say they have.
/// </summary>
/// <remarks>
/// Replicas are asked once, when they are first seen, and again when one turns out to lack an addon that it had. So a thousand
/// addons on ten replicas cost ten questions, and a load for each. What requests wait for is loaded first.
/// </remarks>
public sealed partial class AddonReconciler(
    DeployedModelStore store,
    DeploymentStore deployments,
    ModelStore models,
    IReplicaRuntime runtime,
    ReplicaDirectory replicas,
    AddonDirectory directory,
    AddonDemand demand,
    TimeProvider time,
    ILogger<AddonReconciler> logger,
    IOptions<AddonsOptions>? options = null) : IControlledLoop
{
    private static readonly TimeSpan RetryDelay = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan SweepInterval = TimeSpan.FromMinutes(1);

    /// <summary>Of one look: some ten milliseconds. States of a thousand addons must not keep one that a request waits for.</summary>
    private const int MostWrites = 32;

    // Deployments with addons as they were looked at last.
    private readonly ConcurrentDictionary<DeploymentName, Seen> _seen = new();

    // The loop's own.
    private readonly AddonRows _rows = new(store);
    private readonly Dictionary<DeploymentName, Dictionary<ReplicaId, ReplicaAddons>> _replicas = [];
    private readonly Dictionary<ModelName, Model?> _models = [];
    private long _modelsRevision = -1;

    public async Task RunAsync(CancellationToken held)
    {
        while (true)
        {
            try
            {
                await ControlAsync(held);
            }
            catch (Exception error) when (!held.IsCancellationRequested)
            {
                LogTrouble(error);
            }

            await Task.Delay(RetryDelay, time, held);
        }
    }

    private async Task ControlAsync(CancellationToken held)
    {
        using var queue = new WorkQueue<DeploymentName>(time);
        using var running = CancellationTokenSource.CreateLinkedTokenSource(held);
        var revision = await LoadAsync(queue, held);
        Task[] loops =
        [
            FollowStoreAsync(queue, revision, running.Token), FollowReplicasAsync(queue, running.Token), FollowDemandAsync(queue, running.Token),
            SweepAsync(queue, running.Token), ReconcileAllAsync(queue, running.Token),
        ];
        await Task.WhenAny(loops);
        await running.CancelAsync();
        await Task.WhenAll(loops);
    }

    /// <summary>Publishes what there is before anybody was asked: its requests wait for the answer.</summary>
    internal async Task<long> LoadAsync(WorkQueue<DeploymentName> queue, CancellationToken cancellation)
    {
        _replicas.Clear();
        _seen.Clear();
        await _rows.CatchUpAsync(cancellation);
        var all = new List<(DeploymentName, DeploymentAddons)>();
        foreach (var name in _rows.Deployments)
        {
            var own = _rows.Of(name);
            all.Add((name, RoutesOf(name, own, await WishedAsync(name, own, [], cancellation), [], new Dictionary<DeployedModelName, DeployedModelStatus>())));
            queue.Add(name);
        }

        directory.Begin(all, (account, model) => Answering(account, model, []));
        return _rows.Revision;
    }

    private async Task ReconcileAllAsync(WorkQueue<DeploymentName> queue, CancellationToken cancellation)
    {
        await foreach (var name in queue.ReadAllAsync(cancellation)) // one loop: no locks below
        {
            try
            {
                if (await ReconcileAsync(name, queue, cancellation) is { } delay) queue.AddAfter(name, delay);
            }
            catch (Exception error) when (!cancellation.IsCancellationRequested)
            {
                LogFailed(name, error);
                queue.AddAfter(name, RetryDelay);
            }
        }
    }

    internal async Task<TimeSpan?> ReconcileAsync(DeploymentName name, WorkQueue<DeploymentName> queue, CancellationToken cancellation)
    {
        await _rows.CatchUpAsync(cancellation);
        var rows = _rows.Of(name);
        if (rows.Count == 0 && !_replicas.ContainsKey(name)) return null;
        var gone = await GoneAsync(name, rows, cancellation);
        var own = ReplicasOf(name);
        var wished = await WishedAsync(name, rows, gone, cancellation);
        var known = Known(name, own, wished);
        var plan = AddonPlan.For(wished, known, AddonLimits.Default, time.GetUtcNow());

        // What is to go takes no requests before its replicas are told, and what is there does before its state says so.
        directory.Publish(name, RoutesOf(name, rows, wished, known, plan.Statuses), (account, model) => Answering(account, model, gone));
        replicas.Addons.Note(name, ProgressOf(wished, known));
        foreach (var replica in plan.Hurry) own[replica].Hurry();
        foreach (var steps in plan.Steps.GroupBy(step => step.Replica)) Start(name, own[steps.Key], [.. steps], queue, cancellation);

        if (!await RecordAsync(rows, plan, gone, cancellation)) queue.Add(name);
        if (rows.Count == 0 && plan.Steps.Count == 0 && known.TrueForAll(replica => !replica.Busy)) Forget(name);
        return plan.LookAgainAfter;
    }

    /// <summary>The slow part, after all others: loads are under way meanwhile.</summary>
    /// <returns>False: there is more to record than one look may.</returns>
    private async Task<bool> RecordAsync(List<Row> rows, AddonPlan plan, HashSet<DeployedModelName> gone, CancellationToken cancellation)
    {
        var (removed, writes) = (plan.Remove.ToHashSet(), 0);
        foreach (var row in rows)
        {
            var goes = gone.Contains(row.Name) || removed.Contains(row.Name);
            if (!goes && row.Spec.Default) await EndOtherDefaultsAsync(row, cancellation);
            if (!goes && plan.Statuses[row.Name] == row.Status) continue;
            if (writes++ == MostWrites) return false;
            if (goes && !await PassOnDefaultAsync(row, gone, cancellation)) return false;
            if (goes) await store.Rows.DeleteAsync(row, cancellation); // refused when it changed meanwhile: the watch brings us back
            else await WriteAsync(row, plan.Statuses[row.Name], cancellation);
        }

        return true;
    }

    /// <summary>
    /// Those whose deployment is no more. One that got its name since is another: nobody asked for addons there.
    /// </summary>
    private async Task<HashSet<DeployedModelName>> GoneAsync(DeploymentName name, List<Row> rows, CancellationToken cancellation)
    {
        if (rows.Count == 0) return [];
        var created = (await deployments.FindAsync(name, cancellation))?.Deployment.CreateTime;
        return [.. rows.Where(row => created is null || (row.Spec.DeploymentCreateTime ?? created) != created).Select(row => row.Name)];
    }

    /// <summary>Ends what was cut off between two writes: the default of before is one no more.</summary>
    private async Task EndOtherDefaultsAsync(Row row, CancellationToken cancellation)
    {
        foreach (var other in AddonDefaults.Resigning(_rows.Of(row.Name.Parent, row.Spec.Model)).ToList()) await TrySetDefaultAsync(other, false, cancellation);
    }

    /// <summary>Where a default goes with its deployment another one takes its place, before the row is removed.</summary>
    /// <returns>False when that one changed meanwhile: look again.</returns>
    private async Task<bool> PassOnDefaultAsync(Row row, HashSet<DeployedModelName> gone, CancellationToken cancellation) =>
        AddonDefaults.HeirOf(row, _rows.Of(row.Name.Parent, row.Spec.Model), other => !gone.Contains(other.Name)) is not { } heir
        || await TrySetDefaultAsync(heir, true, cancellation);

    private async Task<bool> TrySetDefaultAsync(Row row, bool isDefault, CancellationToken cancellation) =>
        (await store.Rows.UpdateSpecAsync(row, row.Spec with { Default = isDefault }, cancellation)).Problem is null;

    /// <summary>What is known of the replicas, with what requests and time have added since the last look.</summary>
    private List<AddonReplica> Known(DeploymentName name, Dictionary<ReplicaId, ReplicaAddons> own, IReadOnlyList<WishedAddon> wished)
    {
        foreach (var loss in demand.TakeLosses(name))
        {
            LogLost(name, loss.ReplicaId, loss.ServedName);
            if (ReplicaId.TryParse(loss.ReplicaId, null, out var id) && own.TryGetValue(id, out var replica)) replica.Doubt(loss.ServedName);
        }

        var names = wished.Where(addon => !addon.Unload).Select(addon => addon.ServedName).OfType<string>().ToHashSet(StringComparer.Ordinal);
        foreach (var replica in own.Values)
        {
            replica.ForgetOthers(names);
            replica.NoteLacking(AddonPlan.Missing(replica.Known, wished, AddonLimits.Default) > 0);
        }

        return [.. own.Values.Select(replica => replica.Known)];
    }

    private static AddonProgress ProgressOf(IReadOnlyList<WishedAddon> wished, List<AddonReplica> known) => new(
        wished.Count(addon => addon.IsWanted),
        known.ToImmutableDictionary(replica => replica.Id, replica => new ReplicaFilling(
            wished.Count(addon => addon is { IsWanted: true, ServedName: { } served } && replica.Has?.Contains(served) == true),
            AddonPlan.Missing(replica, wished, AddonLimits.Default),
            replica.LackingSince)));

    private async Task WriteAsync(Row row, DeployedModelStatus status, CancellationToken cancellation)
    {
        if ((await store.Rows.UpdateStatusAsync(row, status, cancellation)).Problem is not null || status.State == row.Status.State) return;
        LogState(row.Name, status.State, row.Spec.Model, row.Spec.Deployment, status.Message ?? "as asked");
    }

    /// <summary>Those that are ready now; of one that is gone nothing is kept.</summary>
    private Dictionary<ReplicaId, ReplicaAddons> ReplicasOf(DeploymentName name)
    {
        var seen = Seen.Of(replicas.Current, name);
        _seen[name] = seen;
        var ready = seen.Ready;
        if (!_replicas.TryGetValue(name, out var known)) _replicas.Add(name, known = []);
        foreach (var gone in known.Keys.Where(id => ready.All(endpoint => endpoint.Id != id)).ToList()) known.Remove(gone);
        foreach (var endpoint in ready) known.TryAdd(endpoint.Id, new(endpoint.Id, runtime, time));
        return known;
    }

    private void Forget(DeploymentName name)
    {
        replicas.Addons.Note(name, AddonProgress.None);
        _replicas.Remove(name);
        _seen.TryRemove(name, out _);
    }

    private async Task<IReadOnlyList<WishedAddon>> WishedAsync(
        DeploymentName name, List<Row> rows, HashSet<DeployedModelName> gone, CancellationToken cancellation)
    {
        var waitedFor = demand.WaitedFor(name);
        // One question for all: most looks find the models as they were.
        var revision = await models.Rows.RevisionAsync(cancellation);
        if (revision != _modelsRevision) _models.Clear();
        _modelsRevision = revision;
        var wished = new List<WishedAddon>(rows.Count);
        var isCold = ColdOnes(name, rows);
        foreach (var row in rows)
        {
            var unload = row.Spec.Unload || gone.Contains(row.Name);
            if (!_models.TryGetValue(row.Spec.Model, out var model)) _models.Add(row.Spec.Model, model = await models.FindAsync(row.Spec.Model, cancellation));
            wished.Add(model is { IsReady: true, FilesDigest: not null }
                ? new(row.Name, AddonRules.ServedName(model), model.Folder, null, unload, row.Status) { IsWaitedFor = waitedFor.Contains(row.Spec.Model), IsCold = !waitedFor.Contains(row.Spec.Model) && isCold(row) }
                : new(row.Name, null, null, $"{row.Spec.Model} is gone or has no weights: upload it again, or undeploy it", unload, row.Status));
        }

        return wished;
    }

    /// <summary>Which are to leave memory until they are used again: on shared deployments alone. A new one is tried at once.</summary>
    private Func<Row, bool> ColdOnes(DeploymentName name, List<Row> rows)
    {
        if (!name.IsShared()) return _ => false;
        var uses = demand.LastUses(name, rows.Select(row => row.Spec.Model).ToHashSet());
        var since = time.GetUtcNow() - (options?.Value ?? new()).ServerlessIdleTime;
        return row => row.CreateTime <= since && uses.GetValueOrDefault(row.Spec.Model) <= since;
    }

    private DeploymentAddons RoutesOf(
        DeploymentName name, List<Row> rows, IReadOnlyList<WishedAddon> wished, IReadOnlyList<AddonReplica> known, IReadOnlyDictionary<DeployedModelName, DeployedModelStatus> statuses)
    {
        var routes = ImmutableDictionary.CreateBuilder<ModelName, AddonRoute>();
        for (var index = 0; index < rows.Count; index++)
        {
            var (row, addon) = (rows[index], wished[index]);
            if (addon.Unload) continue;
            var status = statuses.GetValueOrDefault(row.Name, row.Status);
            var on = addon is { ServedName: { } served, IsCold: false } ? known.Where(replica => replica.Has?.Contains(served) == true).Select(replica => replica.Id.ToString()) : [];
            var isDefault = row.Spec.Default && AddonDefaults.Of(_rows.Of(row.Name.Parent, row.Spec.Model))?.Name == row.Name;
            var isOver = status.State == DeployedModelState.Failed && !AddonPlan.MayCome(addon, known, AddonLimits.Default);
            var route = new AddonRoute(
                row.Name, row.Spec.Model, addon.ServedName ?? row.Spec.Model.ToString(), isDefault, row.Spec.Public, [.. on], isOver ? status.Message : null)
            {
                CreateTime = row.CreateTime,
            };
            if (!name.IsShared())
            {
                routes[row.Spec.Model] = route;
                continue;
            }

            var shared = routes.GetValueOrDefault(row.Spec.Model) ?? route with { IsDefault = true };
            routes[row.Spec.Model] = shared with { Tenants = shared.Tenants.Add(row.Name.Parent, row.Name) };
        }

        return new(routes.ToImmutable());
    }

    /// <summary>Which deployment answers for an addon's name, as it will stand in the rows: one that goes with its deployment has passed it on.</summary>
    private DeploymentName? Answering(AccountName account, ModelName model, HashSet<DeployedModelName> gone)
    {
        var rows = _rows.Of(account, model);
        var one = AddonDefaults.Of(rows);
        if (one is not null && gone.Contains(one.Name)) one = AddonDefaults.HeirOf(one, rows, other => !gone.Contains(other.Name));
        return one?.Spec.Deployment is { } deployment && deployment.Parent == account ? deployment : null; // what is shared answers for nobody's own
    }

    /// <summary>Whatever happens, it is looked at again: a new look starts where this one ended.</summary>
    private void Start(DeploymentName name, ReplicaAddons replica, List<AddonStep> steps, WorkQueue<DeploymentName> queue, CancellationToken cancellation) =>
        _ = RunAsync(name, replica, steps, queue, cancellation);

    private async Task RunAsync(DeploymentName name, ReplicaAddons replica, List<AddonStep> steps, WorkQueue<DeploymentName> queue, CancellationToken cancellation)
    {
        try
        {
            await replica.RunAsync(steps, told: () => queue.Add(name), cancellation);
        }
        catch (Exception error)
        {
            if (cancellation.IsCancellationRequested) return;
            LogFailed(name, error);
        }

        queue.Add(name);
    }
}
