using System.Collections.Immutable;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Stoker.Api.Names;
using Stoker.ControlPlane.Capacity;
using Stoker.ControlPlane.Metering;
using Stoker.ControlPlane.Models;
using Stoker.ControlPlane.Reconciling;
using Stoker.ControlPlane.Replicas;
using Stoker.ControlPlane.Runtimes;

namespace Stoker.ControlPlane.Deployments;

/// <summary>
/// Makes deployments what they were asked to be: looks, plans, records, acts. One loop, and the only writer of
/// statuses, of the replica directory and of the runtime; it may be killed at any line and goes on from what is really
/// running.
/// </summary>
public sealed partial class DeploymentReconciler(
    DeploymentStore store,
    ModelStore models,
    IReplicaRuntime runtime,
    Inventory inventory,
    CapacityTermsStore capacity,
    ReplicaDirectory directory,
    DeploymentScaling scaling,
    ReplicaLedger ledger,
    ControllerLease lease,
    DeploymentLifecycle lifecycle,
    IOptions<DeploymentsOptions> options,
    IOptions<LocalRuntimeOptions> runtimeOptions,
    TimeProvider time,
    ILogger<DeploymentReconciler> logger,
    IEnumerable<IControlledLoop>? beside = null) : BackgroundService, IHostedLifecycleService
{
    private static readonly TimeSpan RetryDelay = TimeSpan.FromSeconds(1);

    /// <summary>A cold start takes seconds; what is still held after a minute waits for capacity.</summary>
    private static readonly TimeSpan HandOverPatience = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan HandOverPoll = TimeSpan.FromMilliseconds(100);

    private readonly DeploymentsOptions _options = options.Value;
    private readonly KnownDeployments _known = new();

    // One of a thousand changes at a time: the others are not copied.
    private ImmutableDictionary<DeploymentName, DeploymentRoute> _routes = ImmutableDictionary<DeploymentName, DeploymentRoute>.Empty;

    private readonly CancellationTokenSource _handOver = new();

    private volatile bool _controls;
    private long _looks;

    /// <summary>How often a deployment was looked at since this server started.</summary>
    public long Looks => Volatile.Read(ref _looks);

    /// <summary>
    /// Before the listener closes and its streams end: with replicas that are to be left, the next server gets the
    /// controllers now and serves while the streams of this one run out.
    /// </summary>
    public async Task StoppingAsync(CancellationToken cancellationToken)
    {
        if (!runtimeOptions.Value.LeaveReplicas) return;
        // Who waits here for a replica is known to this server alone: the next one would not start it.
        var asked = time.GetTimestamp();
        while (lifecycle.AnyHeld && time.GetElapsedTime(asked) < HandOverPatience) await Task.Delay(HandOverPoll, time, cancellationToken);
        await _handOver.CancelAsync();
        if (ExecuteTask is { } running) await running.WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await runtime.ReleaseAsync(leaveReplicas: true, cancellationToken);
    }

    Task IHostedLifecycleService.StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    Task IHostedLifecycleService.StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    Task IHostedLifecycleService.StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public override void Dispose()
    {
        base.Dispose();
        _handOver.Dispose();
    }

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        // Without the lease the replicas are another server's by now: they are let go of, not stopped.
        var controls = _controls;
        await base.StopAsync(cancellationToken);
        var released = runtime.ReleaseAsync(runtimeOptions.Value.LeaveReplicas || !controls, cancellationToken);
        await (controls ? ledger.KeepUntilAsync(released, runtime.List) : released); // drains are paid for too
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        LogInventory(inventory);
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken, _handOver.Token);
        try
        {
            await lease.RunAsync(RunAsync, ending.Token);
        }
        catch (OperationCanceledException) when (_handOver.IsCancellationRequested)
        {
            // The next server has the controllers.
        }
    }

    /// <summary>The loop while this process holds the lease.</summary>
    private async Task RunAsync(CancellationToken held)
    {
        _controls = true;
        try
        {
            await ControlAsync(held);
        }
        finally
        {
            _controls = false;
            scaling.Release();
        }
    }

    private async Task ControlAsync(CancellationToken held)
    {
        using var queue = new WorkQueue<DeploymentName>(time);
        using var running = CancellationTokenSource.CreateLinkedTokenSource(held);
        await runtime.AdoptAsync(held);
        var revision = await LoadAsync(queue, held);
        Task[] loops =
        [
            FollowStoreAsync(queue, revision, running.Token), FollowRuntimeAsync(queue, running.Token), SweepAsync(queue, running.Token),
            FollowCapacityAsync(ReservationName.Collection, queue, running.Token), FollowCapacityAsync(QuotaName.Collection, queue, running.Token),
            FollowLoadAsync(queue, running.Token), FollowAddonsAsync(queue, running.Token), ReconcileAllAsync(queue, running.Token), ledger.KeepAsync(runtime.List, running.Token),
            .. (beside ?? []).Select(loop => loop.RunAsync(running.Token)),
        ];
        await Task.WhenAny(loops);
        await running.CancelAsync();
        await Task.WhenAll(loops);
    }

    // A name in the queue means "look here", never "this changed": wake-ups may double, and a sweep makes good a lost
    // one.
    private async Task ReconcileAllAsync(WorkQueue<DeploymentName> queue, CancellationToken cancellation)
    {
        await foreach (var name in queue.ReadAllAsync(cancellation)) // one loop, the only writer: no locks below
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

            Volatile.Write(ref _looks, _looks + 1);
        }
    }

    internal async Task<TimeSpan?> ReconcileAsync(DeploymentName name, WorkQueue<DeploymentName> queue, CancellationToken cancellation)
    {
        var own = runtime.ListOf(name.ToString());
        if (await store.FindAsync(name, cancellation) is not { } stored)
        {
            return await ForgetAsync(name, own, queue, cancellation);
        }

        var (deployment, decision) = scaling.Decide(stored.Deployment, own);
        _known.Set(deployment);
        var used = await UsedModels.FindAsync(models, deployment.Spec, cancellation);
        var limits = await LimitsAsync(deployment, cancellation);
        var plan = ReplicaPlan.For(
            new(deployment, own, used.Problem(deployment.Spec, inventory.IsSimulated(deployment.Spec.AcceleratorType)), inventory, TakenByOthers(name), _options, time.GetUtcNow())
            {
                Limits = limits,
                LastRequest = lifecycle.LastRequest(name),
                Figures = lifecycle.Figures(deployment, own),
                Addons = directory.Addons.Of(name),
            },
            ReplicaId.Random);

        // Before requests can reach a replica that is ready now, and before one that ended is forgotten.
        await ledger.ObserveAsync(name, deployment.CreateTime, plan.Status.Replicas, own, limits.Covered, cancellation);

        // Draining replicas leave the routing table before they are told, and ready ones are in it before the status
        // says READY.
        var planned = deployment with { Status = plan.Status };
        directory.Starts.Note(name, StartOutlook.Of(plan.Status.Replicas, own, plan.Status.RecentStarts));
        Publish(planned, own);
        if (plan.Remove)
        {
            foreach (var step in plan.Steps) await ApplyAsync(step, planned, used, cancellation);
            // refused when the spec changed meanwhile: the watch brings us back
            await store.RemoveAsync(stored, cancellation);
            return TimeSpan.Zero;
        }

        await lifecycle.RecordAsync(stored, planned, plan.Change, cancellation);
        if (!DeploymentStatusJson.AreEqual(stored.Deployment.Status, plan.Status))
        {
            await scaling.PrepareAsync(name, decision, cancellation);
            if (!(await store.WriteStatusAsync(stored, plan.Status, cancellation)).TryGet(out var written, out _))
            {
                return TimeSpan.Zero;
            }

            _known.Set(written.Deployment);
            LogChange(stored.Deployment, planned);
        }

        foreach (var step in plan.Steps) await ApplyAsync(step, planned, used, cancellation);
        if (plan.Change is { } change) await lifecycle.ApplyAsync(stored, change, cancellation); // the watch brings us back
        if (Freed(deployment.Status, plan.Status)) WakeWaiting(queue);
        if (plan.Status.Stockout is not null) await WakeGivingAsync(queue, cancellation);
        await scaling.RecordAsync(name, decision, cancellation);
        return plan.LookAgainAfter;
    }

    private async Task ApplyAsync(ReplicaStep step, Deployment deployment, UsedModels used, CancellationToken cancellation)
    {
        switch (step)
        {
            case ReplicaStep.Start start when used.CanStart(inventory.IsSimulated(deployment.Spec.AcceleratorType)):
                await runtime.StartAsync(SpecOf(start.Replica, deployment, used.Target!, used.Draft), cancellation);
                break;
            case ReplicaStep.Stop stop:
                await runtime.StopAsync(stop.Id, cancellation);
                break;
            case ReplicaStep.Forget forget:
                await runtime.ForgetAsync(forget.Id, cancellation);
                break;
        }
    }

    private ReplicaSpec SpecOf(Replica replica, Deployment deployment, DeploymentTarget target, Model? draft)
    {
        var allotment = replica.Allotment ?? throw new InvalidOperationException($"Replica {replica.Id} was to start without capacity");
        var pool = inventory.Find(allotment.Region, allotment.Type);
        var settings = pool?.EmulatedBy == Inventory.Simulated ? null : deployment.Spec.ReplicaSettings; // it has its speed from its figures
        return new()
        {
            Id = replica.Id,
            Deployment = deployment.Name.ToString(),
            Revision = replica.Revision,
            ModelFolder = target.Model.Folder ?? "",
            MergeAddonFolder = settings is null ? null : target.Merged?.Folder,
            ServedModelName = deployment.Spec.BaseModel.ToString(), // of an addon its own, not the base's
            Region = allotment.Region.Name,
            AcceleratorType = allotment.Type.Name,
            Slots = allotment.Slots,
            Cores = pool is { Cores.Count: > 0 } ? [.. allotment.Slots.Where(slot => slot < pool.Cores.Count).Select(slot => pool.Cores[slot])] : [],
            ContextLength = DeploymentCapacity.ContextLength(deployment.Spec, target.Model),
            MemoryBytes = (pool?.MemoryBytesPerSlot ?? 0) * allotment.Slots.Count,
            EnableAddons = deployment.Spec.EnableAddons,
            MaxLoadedAddons = settings?.MaxLoadedAddons ?? 0,
            Precision = settings is { Precision: not Precision.PrecisionUnspecified and var precision } ? precision.EngineName() : null,
            KvPrecision = settings is { KvPrecision: not KvPrecision.Bf16 and var cache } ? cache.EngineName() : null,
            DraftFolder = settings?.Drafting is null ? null : draft?.Folder,
            NgramLength = settings?.Drafting?.NgramLength ?? 0,
            DraftTokens = settings?.Drafting?.Tokens ?? 0,
            LongPrompt = settings?.LongPrompt ?? false,
            EmulatedBy = pool?.EmulatedBy,
            Simulate = pool?.EmulatedBy == Inventory.Simulated ? inventory.SimulatedReplicas.Figures(allotment.Slots.Count) : null,
        };
    }

    /// <summary>Slots of other deployments, and of replicas that live on though no deployment knows them.</summary>
    private IEnumerable<Allotment> TakenByOthers(DeploymentName name)
    {
        foreach (var other in _known.All)
        {
            if (other.Name == name) continue;
            foreach (var replica in other.Status.Replicas)
            {
                if (replica.Allotment is { } allotment) yield return allotment;
            }
        }

        foreach (var replica in runtime.List())
        {
            if (replica.Phase == ReplicaPhase.Ended || _known.Recorded.Contains(replica.Id)) continue;
            if (Region.TryParse(replica.Spec.Region, null, out var region) && AcceleratorType.TryParse(replica.Spec.AcceleratorType, null, out var type))
            {
                yield return new(region, type, replica.Spec.Slots);
            }
        }
    }

    private static bool Freed(DeploymentStatus before, DeploymentStatus after) =>
        before.Replicas.Any(replica => replica.Allotment is not null && after.Replicas.All(other => other.Id != replica.Id));

    /// <summary>Those that wait longest look first.</summary>
    private void WakeWaiting(WorkQueue<DeploymentName> queue)
    {
        var waiting = _known.All
            .Select(deployment => (deployment.Name, Since: deployment.Status.Replicas
                .Where(replica => replica.State == ReplicaState.Pending).Select(replica => (DateTimeOffset?)replica.CreateTime).Min()))
            .Where(candidate => candidate.Since is not null)
            .OrderBy(candidate => candidate.Since);
        foreach (var (name, _) in waiting) queue.Add(name);
    }

    /// <summary>The row is gone; whatever still runs under its name goes too.</summary>
    private async Task<TimeSpan?> ForgetAsync(
        DeploymentName name, IReadOnlyList<ObservedReplica> own, WorkQueue<DeploymentName> queue, CancellationToken cancellation)
    {
        if (_known.Remove(name)) await scaling.ForgetAsync(name, cancellation);
        directory.Starts.Forget(name);
        await lifecycle.ForgetAsync(name, cancellation);
        if (_routes.ContainsKey(name)) Publish(_routes.Remove(name));
        foreach (var replica in own) await EndAsync(replica, cancellation);
        WakeWaiting(queue);
        return own.Any(replica => replica.Phase != ReplicaPhase.Ended) ? RetryDelay : null;
    }

    private Task EndAsync(ObservedReplica replica, CancellationToken cancellation) => replica.Phase == ReplicaPhase.Ended
        ? runtime.ForgetAsync(replica.Id, cancellation)
        : runtime.StopAsync(replica.Id, cancellation);

    private void Publish(Deployment deployment, IReadOnlyList<ObservedReplica> own)
    {
        var route = RouteOf(deployment, own);
        if (route.State == DeploymentState.Deleted.WireName())
        {
            if (_routes.ContainsKey(route.Name)) Publish(_routes.Remove(route.Name));
            return;
        }

        if (_routes.TryGetValue(deployment.Name, out var before) && before with { Ready = route.Ready } == route && before.Ready.SequenceEqual(route.Ready)) return;
        Publish(_routes.SetItem(deployment.Name, route));
    }

    private static DeploymentRoute RouteOf(Deployment deployment, IReadOnlyList<ObservedReplica> own)
    {
        var ready = deployment.Status.Replicas.Where(replica => replica.State == ReplicaState.Ready).Select(replica => replica.Id).ToHashSet();
        List<ReplicaEndpoint> endpoints =
            [.. own.Where(replica => ready.Contains(replica.Id)).Select(replica => replica.Endpoint).OfType<ReplicaEndpoint>().OrderBy(endpoint => endpoint.Id.ToString(), StringComparer.Ordinal)];
        return new(
            deployment.Name,
            deployment.Spec.BaseModel,
            deployment.Status.State.WireName(),
            deployment.DesiredReplicas,
            endpoints,
            deployment.CreateTime)
        {
            MaxReplicas = deployment.Spec.MaxReplicas,
            Hold = deployment.Spec.Hold,
            BrokenStreams = deployment.Spec.BrokenStreams,
            Cause = CauseOf(deployment, endpoints.Count),
        };
    }

    /// <summary>One that is at zero and wants to be has nothing to tell.</summary>
    private static WaitCause? CauseOf(Deployment deployment, int ready)
    {
        var waits = ready == 0 && (deployment.DesiredReplicas > 0 || deployment.Status.State != DeploymentState.Ready);
        return waits && deployment.Status.Condition is { } condition ? new(condition.Code, condition.Message) : null;
    }

    private void Publish(ImmutableDictionary<DeploymentName, DeploymentRoute> routes)
    {
        _routes = routes;
        directory.Publish(new(routes));
    }
}
