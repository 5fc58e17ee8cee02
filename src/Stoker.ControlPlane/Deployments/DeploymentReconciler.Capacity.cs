using Stoker.Api.Names;
using Stoker.ControlPlane.Capacity;
using Stoker.ControlPlane.Reconciling;
using Stoker.ControlPlane.Storage;

namespace Stoker.ControlPlane.Deployments;

/// <summary>What reservations and quotas leave to a deployment, and who looks again when they change.</summary>
public sealed partial class DeploymentReconciler
{
    private CapacityView? _view;

    private async Task<CapacityLimits> LimitsAsync(Deployment deployment, CancellationToken cancellation)
    {
        var terms = await capacity.ReadAsync(cancellation);
        var (account, type, now) = (deployment.Name.Parent, deployment.Spec.AcceleratorType, time.GetUtcNow());
        // The usual case: nothing is reserved or limited, and nothing has to be added up.
        if (terms.Reservations.Count == 0 && terms.Limit(account, type, now) is null) return CapacityLimits.None;
        var (holdings, claims) = (_known.Holdings, _known.Claims);
        if (_view?.IsOf(terms, holdings, claims, now) != true) _view = new(terms, inventory, holdings, claims, now);
        return _view.For(account, type, DeploymentCapacity.HoldingsOf(deployment));
    }

    /// <summary>Whoever holds what a waiting replica's reservation has a claim to looks again, and gives it back.</summary>
    private async Task WakeGivingAsync(WorkQueue<DeploymentName> queue, CancellationToken cancellation)
    {
        var active = (await capacity.ReadAsync(cancellation)).Active(time.GetUtcNow());
        if (active.Count == 0) return;
        var giving = ReservedCapacity.ToGiveBack(inventory, active, _known.Holdings, _known.Claims);
        foreach (var deployment in _known.All.Where(deployment => deployment.Status.Replicas.Any(replica => giving.Contains(replica.Id))).ToList())
        {
            LogGivesBack(deployment.Name);
            queue.Add(deployment.Name);
        }
    }

    /// <summary>A reservation or a quota that changed may be what a waiting replica waits for.</summary>
    private async Task FollowCapacityAsync(string kind, WorkQueue<DeploymentName> queue, CancellationToken cancellation)
    {
        while (true)
        {
            try
            {
                await foreach (var _ in capacity.ChangesAsync(kind, cancellation))
                {
                    var (_, items) = await store.ListAsync(account: null, cancellation);
                    foreach (var item in items) queue.Add(item.Deployment.Name);
                }
            }
            catch (WatchExpiredException)
            {
                // Too far behind: the next look begins with everything.
            }
            catch (StorageException error) when (error.Fault != StorageFault.Unusable)
            {
                LogStoreTrouble(error);
                await Task.Delay(RetryDelay, time, cancellation);
            }
        }
    }
}
