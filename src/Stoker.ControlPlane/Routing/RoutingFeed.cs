using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Stoker.Api.Names;
using Stoker.ControlPlane.Addons;
using Stoker.ControlPlane.Deployments;
using Stoker.ControlPlane.Models;
using Stoker.ControlPlane.Replicas;
using Stoker.ControlPlane.Resources;
using Stoker.ControlPlane.Storage;

namespace Stoker.ControlPlane.Routing;

/// <summary>
/// Makes the routing table anew whenever replicas, addons or models change. The table's only writer. Held requests wait for it:
/// what it needs of deployments is in the directory, and of models it reads only those that are new.
/// </summary>
internal sealed partial class RoutingFeed(
    ReplicaDirectory replicas,
    AddonDirectory addons,
    ModelStore models,
    RoutingSource routing,
    TimeProvider time,
    ILogger<RoutingFeed> log) : BackgroundService
{
    private static readonly TimeSpan RetryDelay = TimeSpan.FromSeconds(1);

    private readonly ChangeSignal _modelsChanged = new();
    private readonly RouteTargets _targets = new(replicas.Answers, time);
    private readonly Dictionary<ModelName, ModelCard> _cards = [];
    private IReadOnlyDictionary<ModelName, Retirement>? _retired;

    protected override Task ExecuteAsync(CancellationToken stoppingToken) =>
        Task.WhenAll(
            FollowAsync("models", WatchModelsAsync, stoppingToken),
            RebuildAsync(stoppingToken));

    private async Task RebuildAsync(CancellationToken stopping)
    {
        var modelsChanged = Task.CompletedTask;
        while (!stopping.IsCancellationRequested)
        {
            // Both taken before looking, so that a change while the table is made is not lost.
            var (replicasChanged, addonsChanged) = (replicas.Changed, addons.Changed);
            if (modelsChanged.IsCompleted)
            {
                modelsChanged = _modelsChanged.Next;
                _cards.Clear();
                _retired = null;
            }

            try
            {
                await PublishAsync(stopping);
                await Task.WhenAny(replicasChanged, addonsChanged, modelsChanged).WaitAsync(stopping);
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
        if (ReferenceEquals(snapshot, ReplicaSnapshot.Unknown) || addons.Current is not { } deployed) return;
        var known = snapshot.Routes;
        var routes = new List<Route>(known.Count);
        foreach (var deployment in known.Values)
        {
            if (!_cards.TryGetValue(deployment.BaseModel, out var card))
            {
                _cards.Add(deployment.BaseModel, card = await CardAsync(deployment.BaseModel, cancellation));
            }

            routes.Add(_targets.ToRoute(deployment, card, deployed.Of(deployment.Name)));
        }

        _retired ??= (await models.ListAsync(AccountName.Library, cancellation))
            .Where(model => model is { SupportsServerless: false, DeprecationDate: not null })
            .ToDictionary(model => model.Name, model => new Retirement(model.DeprecationDate!.Value, model.Alternative));
        routing.Publish(new RoutingTable(routes, deployed, _retired));
        _targets.DropOthers(known);
    }

    private async Task WatchModelsAsync(CancellationToken stopping)
    {
        var list = await models.Rows.ListAsync(null, stopping);
        _modelsChanged.Raise();
        await foreach (var _ in models.Rows.WatchAsync(list.Revision, stopping)) _modelsChanged.Raise();
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

    /// <summary>A merged addon does what its base model does.</summary>
    private async Task<ModelCard> CardAsync(ModelName name, CancellationToken cancellation)
    {
        if (await models.FindAsync(name, cancellation) is not { } model) return ToCard(null);
        return (await DeploymentTarget.OfAsync(model, models, cancellation)).TryGet(out var target, out _)
            ? ToCard(target.Model) with { Kind = WireEnum.TextOf(model.Kind) }
            : ToCard(model);
    }

    private static ModelCard ToCard(Model? model) => model is null
        ? new(null, null, SupportsChat: false, SupportsTools: false, SupportsImageInput: false)
        : new(WireEnum.TextOf(model.Kind), model.ContextLength, model.SupportsChat, model.SupportsTools, SupportsImageInput: false)
        {
            Retires = model is { SupportsServerless: true, DeprecationDate: { } date } ? new(date, model.Alternative) : null,
        };

    [LoggerMessage(Level = LogLevel.Warning, Message = "Routing could not read {What}; requests go by the last table. Trying again")]
    private partial void LogFailed(string what, Exception error);
}
