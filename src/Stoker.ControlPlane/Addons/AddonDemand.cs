using System.Collections.Immutable;
using System.Threading.Channels;
using Stoker.Api.Names;

namespace Stoker.ControlPlane.Addons;

/// <summary>
/// What requests tell the loop that loads addons: which of them they wait for, so that those come first, and where one turned out
/// not to be. The gateway writes it, <see cref="AddonReconciler"/> reads it.
/// </summary>
public sealed class AddonDemand
{
    private readonly Lock _gate = new();
    private readonly Dictionary<DeploymentName, Dictionary<ModelName, int>> _waits = []; // under the lock
    private readonly Dictionary<DeploymentName, Dictionary<ModelName, DateTimeOffset>> _uses = []; // under the lock
    private readonly Dictionary<DeploymentName, List<AddonLoss>> _losses = []; // under the lock; a set's worth each

    // Bounded by the set: a name is in it once.
    private readonly HashSet<DeploymentName> _told = []; // under the lock
    private readonly Channel<DeploymentName> _news = Channel.CreateUnbounded<DeploymentName>(new() { SingleReader = true });

    /// <summary>A request waits until a replica has the addon and a place.</summary>
    /// <param name="isLacking">A replica is ready and has it not: it is worth a look now.</param>
    public void Wait(DeploymentName deployment, ModelName addon, bool isLacking)
    {
        lock (_gate)
        {
            if (!_waits.TryGetValue(deployment, out var waits)) _waits.Add(deployment, waits = []);
            var before = waits.GetValueOrDefault(addon);
            waits[addon] = before + 1;
            if (isLacking && before == 0) Tell_NeedsLock(deployment);
        }
    }

    /// <summary>It waits no more, however that ended.</summary>
    public void EndWait(DeploymentName deployment, ModelName addon)
    {
        lock (_gate)
        {
            var waits = _waits[deployment];
            if (--waits[addon] == 0) waits.Remove(addon);
            if (waits.Count == 0) _waits.Remove(deployment);
        }
    }

    /// <summary>A request for an addon came to a deployment of which the replicas let go of what nobody uses.</summary>
    public void Used(DeploymentName deployment, ModelName addon, DateTimeOffset now)
    {
        lock (_gate)
        {
            if (!_uses.TryGetValue(deployment, out var uses)) _uses.Add(deployment, uses = []);
            uses[addon] = now;
        }
    }

    /// <summary>When each was used last, as far as this server knows; of others than those that are deployed nothing is kept.</summary>
    internal IReadOnlyDictionary<ModelName, DateTimeOffset> LastUses(DeploymentName deployment, IReadOnlySet<ModelName> deployed)
    {
        lock (_gate)
        {
            if (!_uses.TryGetValue(deployment, out var uses)) return ImmutableDictionary<ModelName, DateTimeOffset>.Empty;
            foreach (var gone in uses.Keys.Where(model => !deployed.Contains(model)).ToList()) uses.Remove(gone);
            if (uses.Count == 0) _uses.Remove(deployment);
            return uses.ToImmutableDictionary();
        }
    }

    /// <summary>A replica that should have an addon says that it does not.</summary>
    public void Lost(DeploymentName deployment, AddonLoss loss)
    {
        lock (_gate)
        {
            if (!_losses.TryGetValue(deployment, out var losses)) _losses.Add(deployment, losses = []);
            if (losses.Contains(loss)) return; // a crowd's every request says so
            losses.Add(loss);
            Tell_NeedsLock(deployment);
        }
    }

    internal ImmutableHashSet<ModelName> WaitedFor(DeploymentName deployment)
    {
        lock (_gate) return _waits.TryGetValue(deployment, out var waits) ? [.. waits.Keys] : [];
    }

    /// <summary>What was said since the last time.</summary>
    internal IReadOnlyList<AddonLoss> TakeLosses(DeploymentName deployment)
    {
        lock (_gate) return _losses.Remove(deployment, out var losses) ? losses : [];
    }

    /// <summary>Deployments where there is something new. One reader.</summary>
    internal async IAsyncEnumerable<DeploymentName> NewsAsync([System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellation)
    {
        await foreach (var name in _news.Reader.ReadAllAsync(cancellation))
        {
            lock (_gate) _told.Remove(name); // before the look, so that what comes meanwhile is told again
            yield return name;
        }
    }

    private void Tell_NeedsLock(DeploymentName deployment)
    {
        if (_told.Add(deployment)) _news.Writer.TryWrite(deployment);
    }
}

/// <param name="ServedName">The name that the replica was asked for.</param>
public sealed record AddonLoss(string ReplicaId, string ServedName);
