using Stoker.ControlPlane.Replicas;

namespace Stoker.ControlPlane.Deployments;

internal sealed partial class ReplicaPlanner
{
    private bool IsCurrent(Replica replica) => replica.Revision == _deployment.Revision;

    /// <summary>
    /// Step 3. Replicas of an older revision go one by one as new ones become ready, so that an update never serves
    /// with fewer. A new one counts for that only when it has its addons, or has given up on them: until then the old ones serve
    /// those. What is missing to the wanted count comes at once, also in the middle of an update.
    /// </summary>
    private void Resize()
    {
        StopSurplus(IsStale, Live.Count(IsStale)); // they serve nobody and hold slots
        var current = Live.Count(IsCurrent);
        var ready = Live.Count(replica => IsCurrent(replica) && replica.State == ReplicaState.Ready && input.Addons.IsFilled(replica.Id));
        var old = Live.Count(replica => !IsCurrent(replica));

        var surge = old > 0 && current == ready ? 1 : 0; // one replica more than wanted, until it is ready
        if (current > Desired) StopSurplus(IsCurrent, current - Desired);
        else Add(Math.Min(Desired - current, Math.Max(Desired - current - old, surge)));

        StopSurplus(replica => !IsCurrent(replica), old - Math.Max(0, Desired - ready));
    }

    private bool IsStale(Replica replica) => !IsCurrent(replica) && replica.State != ReplicaState.Ready;

    private void Add(int count)
    {
        if (count == 0) return;
        if (input.ModelProblem is not null)
        {
            LookAgainAfter(_options.MaxRetryDelay);
            return;
        }

        if (NextTry > _now)
        {
            LookAgainAt(NextTry);
            return;
        }

        for (var i = 0; i < count; i++)
        {
            _replicas.Add(new(newId(), _deployment.Revision, ReplicaState.Pending, Allotment: null, CreateTime: _now));
        }
    }

    /// <summary>
    /// Waiting ones first, then starting ones, then ready ones: idle ones before those at work. Of equals the newest:
    /// what has served longest stays.
    /// </summary>
    private void StopSurplus(Func<Replica, bool> among, int count)
    {
        if (count <= 0) return;
        var surplus = Live.Where(among)
            .OrderBy(replica => replica.State)
            .ThenBy(replica => _observed.GetValueOrDefault(replica.Id)?.Requests ?? 0)
            .ThenByDescending(replica => replica.CreateTime)
            .ThenBy(replica => replica.Id.ToString(), StringComparer.Ordinal)
            .Take(count)
            .ToList();
        foreach (var replica in surplus) Stop(_replicas.IndexOf(replica));
    }
}
