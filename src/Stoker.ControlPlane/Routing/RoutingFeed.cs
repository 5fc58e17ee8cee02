using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Stoker.Api.Names;
using Stoker.ControlPlane.Deployments;
using Stoker.ControlPlane.Models;
using Stoker.ControlPlane.Replicas;
using Stoker.ControlPlane.Resources;
using Stoker.ControlPlane.Storage;

namespace Stoker.ControlPlane.Routing;

/// <summary>
/// Makes the routing table anew whenever replicas, models or deployments change. The table's only writer.
/// </summary>
internal sealed partial class RoutingFeed(
    ReplicaDirectory replicas,
    ModelStore models,
    DeploymentStore deployments,
    RoutingSource routing,
    TimeProvider time,
    ILogger<RoutingFeed> log) : BackgroundService
{
    private static readonly TimeSpan RetryDelay = TimeSpan.FromSeconds(1);

    private readonly ChangeSignal _rowsChanged = new();
    private readonly RouteTargets _targets = new(replicas.Answers);

    protected override Task ExecuteAsync(CancellationToken stoppingToken) =>
        Task.WhenAll(
            FollowAsync("models", WatchModelsAsync, stoppingToken),
            FollowAsync("deployments", WatchDeploymentsAsync, stoppingToken),
            RebuildAsync(stoppingToken));

    private async Task RebuildAsync(CancellationToken stopping)
    {
        while (!stopping.IsCancellationRequested)
        {
            // Both taken before looking, so that a change while the table is made is not lost.
            var (replicasChanged, rowsChanged) = (replicas.Changed, _rowsChanged.Next);
            try
            {
                await PublishAsync(stopping);
                await Task.WhenAny(replicasChanged, rowsChanged).WaitAsync(stopping);
            }
            catch (OperationCanceledException) when (stopping.IsCancellationRequested)
            {
                return;
            }
            catch (Exception error)
            {
                LogFailed("table", error);
                await Task.Delay(RetryDelay, time, stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private async Task PublishAsync(CancellationToken cancellation)
    {
        var snapshot = replicas.Current;
        if (ReferenceEquals(snapshot, ReplicaSnapshot.Unknown)) return;
        var known = snapshot.Routes;
        var (routes, cards) = (new List<Route>(known.Count), new Dictionary<ModelName, ModelCard>());
        foreach (var deployment in known.Values)
        {
            if (!cards.TryGetValue(deployment.BaseModel, out var card))
            {
                cards.Add(deployment.BaseModel, card = ToCard(await models.FindAsync(deployment.BaseModel, cancellation)));
            }

            // One that is at zero and wants to be has nothing to tell, and there may be a thousand of those.
            var waits = deployment.Ready.Count == 0 && (deployment.DesiredReplicas > 0 || deployment.State != "READY");
            var condition = waits ? await FindConditionAsync(deployment.Name, cancellation) : null;
            routes.Add(_targets.ToRoute(deployment, card, condition));
        }

        routing.Publish(new RoutingTable(routes));
        _targets.DropOthers(known);
    }

    /// <summary>Why it has no replica, in its reconciler's words; only wanted then.</summary>
    private async Task<DeploymentCondition?> FindConditionAsync(DeploymentName name, CancellationToken cancellation)
    {
        try
        {
            return (await deployments.FindAsync(name, cancellation))?.Deployment.Status.Condition;
        }
        catch (StorageException)
        {
            return null; // one row that cannot be read must not hold up the table of all others
        }
    }

    private async Task WatchModelsAsync(CancellationToken stopping)
    {
        var list = await models.Rows.ListAsync(null, stopping);
        _rowsChanged.Raise();
        await foreach (var _ in models.Rows.WatchAsync(list.Revision, stopping)) _rowsChanged.Raise();
    }

    private async Task WatchDeploymentsAsync(CancellationToken stopping)
    {
        var (revision, _) = await deployments.ListAsync(account: null, stopping);
        _rowsChanged.Raise();
        await foreach (var _ in deployments.WatchAsync(revision, stopping)) _rowsChanged.Raise();
    }

    private async Task FollowAsync(string what, Func<CancellationToken, Task> watch, CancellationToken stopping)
    {
        while (!stopping.IsCancellationRequested)
        {
            try
            {
                await watch(stopping);
            }
            catch (OperationCanceledException) when (stopping.IsCancellationRequested)
            {
                return;
            }
            catch (WatchExpiredException)
            {
                // Too far behind: list again.
            }
            catch (Exception error)
            {
                LogFailed(what, error);
                await Task.Delay(RetryDelay, time, stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private static ModelCard ToCard(Model? model) => model is null
        ? new(null, null, SupportsChat: false, SupportsTools: false, SupportsImageInput: false)
        : new(WireEnum.TextOf(model.Kind), model.ContextLength, model.SupportsChat, model.SupportsTools, SupportsImageInput: false);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Routing could not read {What}; requests go by the last table. Trying again")]
    private partial void LogFailed(string what, Exception error);
}
