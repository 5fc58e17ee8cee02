using Stoker.Api.Names;
using Stoker.ControlPlane.Runtimes;
using Stoker.ControlPlane.Storage;

namespace Stoker.ControlPlane.Metering;

/// <summary>What a deployment has used since it was created.</summary>
/// <param name="ReplicaTime">Of all its replicas together.</param>
/// <param name="AcceleratorTime">Of all their accelerators together: GPU seconds.</param>
/// <param name="ReservedTime">The part of the accelerators' time that was reserved capacity.</param>
public sealed record UsageSoFar(TimeSpan ReplicaTime, TimeSpan AcceleratorTime, TimeSpan ReservedTime)
{
    public static UsageSoFar Nothing { get; } = new(TimeSpan.Zero, TimeSpan.Zero, TimeSpan.Zero);

    public UsageSoFar Plus(MeteredReplica what, TimeSpan time)
    {
        var accelerators = time.Times(what.AcceleratorCount);
        return new(ReplicaTime + time, AcceleratorTime + accelerators, ReservedTime + (what.Reserved ? accelerators : TimeSpan.Zero));
    }

    public UsageSoFar Plus(UsageSoFar other) =>
        new(ReplicaTime + other.ReplicaTime, AcceleratorTime + other.AcceleratorTime, ReservedTime + other.ReservedTime);
}

/// <summary>
/// The totals of all deployments up to what is written, each event read once. A list of thousands of deployments costs
/// no more than the events since the list before.
/// </summary>
public sealed class UsageTotals(ILedgerStore store)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<(DeploymentName Name, DateTimeOffset CreateTime), UsageSoFar> _settled = [];
    private readonly Dictionary<(DeploymentName Name, DateTimeOffset CreateTime), UsageSoFar> _running = [];
    private readonly Dictionary<ReplicaId, LedgerEvent> _open = [];
    private LedgerPlace _place = LedgerPlace.Start;

    /// <summary>Reads what was written since the last time.</summary>
    public async ValueTask RefreshAsync(CancellationToken cancellation)
    {
        while (true)
        {
            var place = _place;
            if (await store.ReadAsync(place, cancellation) is not { } reading) return;
            lock (_lock)
            {
                if (_place != place) continue; // another reader was faster: see whether it has all
                Take_NeedsLock(reading);
                return;
            }
        }
    }

    /// <summary>As of the last refresh.</summary>
    /// <param name="createTime">The deployment's: of several that had the name one after another, this one.</param>
    public UsageSoFar Of(DeploymentName name, DateTimeOffset createTime)
    {
        lock (_lock)
        {
            var key = (name, createTime);
            return _settled.GetValueOrDefault(key, UsageSoFar.Nothing).Plus(_running.GetValueOrDefault(key, UsageSoFar.Nothing));
        }
    }

    private void Take_NeedsLock(LedgerReading reading)
    {
        foreach (var written in reading.Events)
        {
            if (_open.TryGetValue(written.Replica, out var before)) Add(_settled, before, written.At);
            if (written.Kind == LedgerEventKind.Ended) _open.Remove(written.Replica);
            else _open[written.Replica] = written;
        }

        _running.Clear();
        foreach (var proof in reading.Proofs)
        {
            if (_open.TryGetValue(proof.Replica, out var last)) Add(_running, last, proof.At);
        }

        _place = reading.Place;
    }

    private static void Add(Dictionary<(DeploymentName Name, DateTimeOffset CreateTime), UsageSoFar> sums, LedgerEvent from, BootStamp to)
    {
        var key = (from.What.Deployment, from.What.DeploymentTime);
        sums[key] = sums.GetValueOrDefault(key, UsageSoFar.Nothing).Plus(from.What, LedgerRule.Elapsed(from.At, to));
    }
}
