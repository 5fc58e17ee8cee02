using Stoker.Api.Problems;
using Stoker.ControlPlane.Capacity;
using Stoker.ControlPlane.Replicas;

namespace Stoker.ControlPlane.Deployments;

internal sealed partial class ReplicaPlanner
{
    // A reservation may begin in a year, a deletion ahead in a week; timers end at seven, and a look in between costs
    // nothing.
    private static readonly TimeSpan LongestLook = TimeSpan.FromDays(1);

    /// <summary>What one replica needs: where it may go is where the first one went.</summary>
    private CapacityRequest Request => DeploymentCapacity.RequestOf(_deployment.Spec, _region);

    private IEnumerable<Allotment> Taken =>
        input.TakenByOthers.Concat(_replicas.Select(replica => replica.Allotment).OfType<Allotment>());

    /// <summary>Part of step 2: what another account's reservation has a claim to drains, and is wanted again at once.</summary>
    private void GiveBack()
    {
        for (var i = _replicas.Count - 1; i >= 0; i--)
        {
            if (input.Limits.GiveBack.Contains(_replicas[i].Id) && _replicas[i].State != ReplicaState.Draining) Stop(i);
        }
    }

    /// <summary>
    /// Step 4. Capacity is given before the start is recorded, so no two replicas are ever started on one slot.
    /// </summary>
    private void Place()
    {
        // When a reservation begins or ends, what waits may be placed and what runs is paid for by other terms.
        if (input.Limits.NextChange is { } change && _replicas.Count > 0) LookAgainAt(change);
        var withheld = input.Limits.Withheld;
        for (var i = 0; i < _replicas.Count; i++)
        {
            var replica = _replicas[i];
            if (replica.State != ReplicaState.Pending) continue;
            if (!IsOverQuota && Placement.TryPlace(input.Inventory, Taken, Request, _region, withheld) is { } allotment)
            {
                _region ??= allotment.Region;
                withheld = withheld.After(allotment);
                _replicas[i] = replica with { State = ReplicaState.Starting, Allotment = allotment, StartTime = _now };
                _steps.Add(new ReplicaStep.Start(_replicas[i]));
            }
        }
    }

    /// <summary>Whether one more replica would be too much for the account.</summary>
    private bool IsOverQuota => QuotaUsed + Request.Count > input.Limits.Quota;

    private long QuotaUsed => input.Limits.QuotaUsed
        + _replicas.Where(replica => replica.Allotment?.Type == Request.Type).Sum(replica => (long)replica.Allotment!.Slots.Count);

    private IReadOnlyList<CapacityPool> Pools =>
        [.. input.Inventory.Pools.Where(pool => pool.Type == Request.Type && Request.Placement.Allows(pool.Region))];

    private string Where => Pools.Count == 0 ? Request.Placement.ToString() : string.Join(", ", Pools.Select(pool => pool.Region.Name));

    private Stockout? FindStockout()
    {
        var waiting = _replicas.Where(replica => replica.State == ReplicaState.Pending).ToList();
        return waiting.Count == 0 || IsOverQuota
            ? null
            : new(Request.Type, Where, Request.Count, waiting.Count, waiting.Min(replica => replica.CreateTime));
    }

    private DeploymentCondition Waiting(int count) => new(Code.ResourceExhausted, WhyWaiting(count));

    private string WhyWaiting(int count)
    {
        if (input.Inventory.WhyNever(Request) is { } never) return $"{count} of {Desired} replicas cannot be placed: {never}.";
        if (IsOverQuota)
        {
            var text = CapacityTerms.OverQuota(_deployment.Name.Parent, Request.Type, QuotaUsed, input.Limits.Quota, Request.Count);
            return $"{count} of {Desired} replicas wait for quota: {text}.";
        }

        var free = Placement.FreeCount(input.Inventory, Taken, Request);
        var kept = free - Placement.FreeCount(input.Inventory, Taken, Request, input.Limits.Withheld);
        return $"Stockout: {count} of {Desired} replicas wait for capacity: each needs {Request.Count} {Request.Type} in {Where}, {free} are free"
            + $"{(kept > 0 ? $", of which {kept} are reserved for others" : "")}; there is {string.Join(", ", Pools)}. "
            + "They start as soon as enough is free: delete or park another deployment to make room.";
    }
}
