using System.Collections.Immutable;
using Microsoft.Extensions.Logging;
using Stoker.Api.Names;
using Stoker.ControlPlane.Capacity;
using Stoker.ControlPlane.Reconciling;
using Stoker.ControlPlane.Replicas;
using Stoker.ControlPlane.Storage;

namespace Stoker.ControlPlane.Deployments;

/// <summary>Where the names in the queue come from, and what is logged.</summary>
public sealed partial class DeploymentReconciler
{
    internal async Task<long> LoadAsync(WorkQueue<DeploymentName> queue, CancellationToken cancellation)
    {
        _known.Clear();
        scaling.TakeOver();
        await ledger.TakeOverAsync(runtime.List, cancellation);
        await lifecycle.LoadAsync(cancellation);
        var (revision, items) = await store.ListAsync(account: null, cancellation);
        var observed = runtime.List().ToLookup(replica => replica.Spec.Deployment);
        var routes = ImmutableDictionary.CreateBuilder<DeploymentName, DeploymentRoute>();
        foreach (var deployment in items.Select(item => item.Deployment))
        {
            _known.Set(deployment);
            directory.Starts.Note(deployment.Name, StartOutlook.Of(deployment.Status.Replicas, [], deployment.Status.RecentStarts));
            var route = RouteOf(deployment, [.. observed[deployment.Name.ToString()]]);
            if (route.State != DeploymentState.Deleted.WireName()) routes.Add(deployment.Name, route);
        }

        Publish(routes.ToImmutable()); // all at once: a deployment that waits for its first look must not be called missing
        foreach (var item in items.OrderBy(item => item.Deployment.CreateTime)) queue.Add(item.Deployment.Name);
        return revision;
    }

    private async Task FollowStoreAsync(WorkQueue<DeploymentName> queue, long revision, CancellationToken cancellation)
    {
        while (true)
        {
            try
            {
                await foreach (var change in store.WatchAsync(revision, cancellation))
                {
                    revision = change.Revision;
                    queue.Add(change.Name);
                }
            }
            catch (WatchExpiredException)
            {
                (revision, var items) = await store.ListAsync(account: null, cancellation);
                foreach (var item in items) queue.Add(item.Deployment.Name);
            }
            catch (StorageException error) when (error.Fault != StorageFault.Unusable)
            {
                LogStoreTrouble(error);
                await Task.Delay(RetryDelay, time, cancellation);
            }
        }
    }

    private async Task FollowRuntimeAsync(WorkQueue<DeploymentName> queue, CancellationToken cancellation)
    {
        await foreach (var deployment in runtime.ChangesAsync(cancellation))
        {
            if (DeploymentName.TryParse(deployment, out var name)) queue.Add(name);
        }
    }

    private async Task FollowLoadAsync(WorkQueue<DeploymentName> queue, CancellationToken cancellation)
    {
        await foreach (var name in scaling.HintsAsync(cancellation)) queue.Add(name);
    }

    private async Task FollowAddonsAsync(WorkQueue<DeploymentName> queue, CancellationToken cancellation)
    {
        await foreach (var name in directory.Addons.NewsAsync(cancellation)) queue.Add(name);
    }

    /// <summary>Everything, now and then, and whatever the runtime has that belongs to nobody.</summary>
    private async Task SweepAsync(WorkQueue<DeploymentName> queue, CancellationToken cancellation)
    {
        IReadOnlyList<StoredDeployment> items = []; // at first they are in the queue already
        while (true)
        {
            await SweepAsync(items, queue, cancellation);
            await Task.Delay(_options.SweepInterval, time, cancellation);
            await KeepAsync(cancellation);
            (_, items) = await store.ListAsync(account: null, cancellation);
        }
    }

    /// <summary>
    /// Each name once, whatever names it: it leaves the queue when it is taken, and would be looked at again for each of its
    /// replicas.
    /// </summary>
    internal async Task SweepAsync(IReadOnlyList<StoredDeployment> items, WorkQueue<DeploymentName> queue, CancellationToken cancellation)
    {
        var names = items.Select(item => item.Deployment.Name).ToHashSet();
        foreach (var replica in runtime.List())
        {
            if (DeploymentName.TryParse(replica.Spec.Deployment, out var owner)) names.Add(owner);
            else await EndAsync(replica, cancellation);
        }

        foreach (var name in names) queue.Add(name);
    }

    /// <summary>A disk that is full holds up no sweep: what was not written is written by the next one.</summary>
    private async Task KeepAsync(CancellationToken cancellation)
    {
        try
        {
            await lifecycle.WriteAsync(cancellation);
        }
        catch (StorageException error) when (error.Fault != StorageFault.Unusable)
        {
            LogStoreTrouble(error);
        }
    }

    private void LogChange(Deployment before, Deployment after)
    {
        var (was, status) = (before.Status, after.Status);
        if (was.State != status.State || was.Condition != status.Condition || was.DesiredReplicas != status.DesiredReplicas)
        {
            LogStatus(after.Name, status.State.WireName(), status.DesiredReplicas, status.Replicas.Count, status.Condition?.Message ?? "as asked");
        }
    }

    [LoggerMessage(LogLevel.Information, "Capacity for replicas: {Inventory}")]
    private partial void LogInventory(Inventory inventory);

    [LoggerMessage(LogLevel.Information, "{Deployment} is {State}: {Desired} replicas wanted, {Recorded} there or on their way; {Reason}")]
    private partial void LogStatus(DeploymentName deployment, string state, int desired, int recorded, string reason);

    [LoggerMessage(LogLevel.Error, "{Deployment} could not be reconciled; it is tried again")]
    private partial void LogFailed(DeploymentName deployment, Exception error);

    [LoggerMessage(LogLevel.Information, "{Deployment} gives capacity back to a reservation: its newest replicas drain")]
    private partial void LogGivesBack(DeploymentName deployment);

    [LoggerMessage(LogLevel.Warning, "The store's changes could not be followed; trying again")]
    private partial void LogStoreTrouble(Exception error);
}
