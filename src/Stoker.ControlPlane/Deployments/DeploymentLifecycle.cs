using System.Globalization;
using Microsoft.Extensions.Options;
using Stoker.Api.Names;
using Stoker.ControlPlane.Replicas;
using Stoker.ControlPlane.Runtimes;
using Stoker.ControlPlane.Storage;

namespace Stoker.ControlPlane.Deployments;

/// <summary>
/// What a deployment's life leaves beside its replicas: events for those who ask later, and the changes of the wish that
/// follow from the rules. For the reconciler alone, but for the reading.
/// </summary>
public sealed class DeploymentLifecycle(
    DeploymentStore store, IEventLog events, LastRequests requests, RevisionFigures figures, IOptions<DeploymentsOptions> options, TimeProvider time)
{
    public DateTimeOffset? LastRequest(DeploymentName name) => requests.Of(name);

    /// <summary>How the answers of each revision went that could still be gone back to.</summary>
    public IReadOnlyDictionary<long, AnswerFigures> Figures(Deployment deployment, IReadOnlyList<ObservedReplica> own) =>
        figures.Take(deployment.Name, own, deployment.Status.LastStable?.Revision ?? 0);

    /// <summary>Whether any request waits for a replica.</summary>
    public bool AnyHeld => requests.AnyHeld;

    public async Task LoadAsync(CancellationToken cancellation)
    {
        await requests.LoadAsync(cancellation);
        await figures.LoadAsync(cancellation);
    }

    public async Task WriteAsync(CancellationToken cancellation)
    {
        await requests.WriteAsync(cancellation);
        await figures.WriteAsync(cancellation);
    }

    /// <summary>
    /// To be called before the status is written: whoever is killed between the two writes the same events again, which
    /// changes nothing.
    /// </summary>
    public async Task RecordAsync(StoredDeployment before, Deployment after, DeploymentChange? change, CancellationToken cancellation)
    {
        var (status, name) = (before.Deployment.Status, after.Name.ToString());
        var found = DeploymentEvents.Between(status, after, change);
        if (found.Count == 0) return;
        if (status.ObservedGeneration == 0)
        {
            // Of an earlier one with this name.
            await events.ForgetAsync(name, cancellation);
            await figures.ForgetAsync(after.Name, cancellation);
        }

        var (now, revision) = (time.GetUtcNow(), before.Row.StatusRevision.ToString(CultureInfo.InvariantCulture));
        await events.AppendAsync(
            name,
            [.. found.Select(item => new StoredEvent(name, $"{revision}/{item.Reason}", now, item.Severity.ToString().ToUpperInvariant(), item.Reason, item.Message))],
            options.Value.KeptEvents,
            cancellation);
    }

    /// <summary>Refused, and made anew by the next look, when the wish changed meanwhile.</summary>
    public async Task ApplyAsync(StoredDeployment read, DeploymentChange change, CancellationToken cancellation) =>
        await store.UpdateAsync(read, change.Over(read.Row.Spec, time.GetUtcNow()), cancellation);

    public ValueTask<IReadOnlyList<StoredEvent>> ListAsync(DeploymentName name, CancellationToken cancellation) =>
        events.ListAsync(name.ToString(), cancellation);

    public async Task ForgetAsync(DeploymentName name, CancellationToken cancellation)
    {
        await figures.ForgetAsync(name, cancellation);
        await events.ForgetAsync(name.ToString(), cancellation);
        await requests.ForgetAsync(name, cancellation);
    }
}
