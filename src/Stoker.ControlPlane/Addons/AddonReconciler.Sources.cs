using Microsoft.Extensions.Logging;
using Stoker.Api.Names;
using Stoker.ControlPlane.Reconciling;
using Stoker.ControlPlane.Replicas;
using Stoker.ControlPlane.Runtimes;

namespace Stoker.ControlPlane.Addons;

/// <summary>Where the names in the queue come from, and what is logged.</summary>
public sealed partial class AddonReconciler
{
    private async Task FollowStoreAsync(WorkQueue<DeploymentName> queue, long revision, CancellationToken cancellation)
    {
        // A row that is removed no longer says whose it was.
        var owners = new Dictionary<DeployedModelName, DeploymentName>();
        await foreach (var change in store.Rows.WatchAsync(revision, cancellation)) // when it is too far behind, all is loaded anew
        {
            if (change.Resource is { } row) owners[change.Name] = row.Spec.Deployment;
            if (owners.TryGetValue(change.Name, out var owner)) queue.Add(owner);
            if (change.Resource is null) owners.Remove(change.Name);
        }
    }

    private async Task FollowReplicasAsync(WorkQueue<DeploymentName> queue, CancellationToken cancellation)
    {
        while (true)
        {
            var changed = replicas.Changed;
            WakeChanged(queue);
            await changed.WaitAsync(cancellation);
        }
    }

    /// <summary>Deployments with addons that are not those that were looked at last, or whose replicas are not.</summary>
    internal void WakeChanged(WorkQueue<DeploymentName> queue)
    {
        var now = replicas.Current;
        foreach (var (name, seen) in _seen)
        {
            if (!Seen.Of(now, name).Is(seen)) queue.Add(name);
        }
    }

    /// <param name="CreateTime">Null: there is no such deployment.</param>
    private sealed record Seen(DateTimeOffset? CreateTime, IReadOnlyList<ReplicaEndpoint> Ready)
    {
        public static Seen Of(ReplicaSnapshot snapshot, DeploymentName name) =>
            snapshot.Routes.TryGetValue(name, out var route) ? new(route.CreateTime, route.Ready) : new(null, []);

        public bool Is(Seen other) => CreateTime == other.CreateTime && (ReferenceEquals(Ready, other.Ready) || Ready.SequenceEqual(other.Ready));
    }

    private async Task FollowDemandAsync(WorkQueue<DeploymentName> queue, CancellationToken cancellation)
    {
        await foreach (var name in demand.NewsAsync(cancellation)) queue.Add(name);
    }

    /// <summary>Everything, now and then: a deployment may be gone, a model mended.</summary>
    private async Task SweepAsync(WorkQueue<DeploymentName> queue, CancellationToken cancellation)
    {
        while (true)
        {
            await Task.Delay(SweepInterval, time, cancellation);
            foreach (var name in (await store.Rows.ListAsync(null, cancellation)).Items.Select(row => row.Spec.Deployment).Distinct()) queue.Add(name);
        }
    }

    [LoggerMessage(LogLevel.Information, "{Name} is {State}: {Model} on {Deployment}; {Reason}")]
    private partial void LogState(DeployedModelName name, DeployedModelState state, ModelName model, DeploymentName deployment, string reason);

    [LoggerMessage(LogLevel.Warning, "{Deployment}: replica {Replica} lacks {Addon}, which it had; it gets it again")]
    private partial void LogLost(DeploymentName deployment, string replica, string addon);

    [LoggerMessage(LogLevel.Error, "The addons of {Deployment} could not be reconciled; it is tried again")]
    private partial void LogFailed(DeploymentName deployment, Exception error);

    [LoggerMessage(LogLevel.Warning, "Addons could not be followed; trying again")]
    private partial void LogTrouble(Exception error);
}
