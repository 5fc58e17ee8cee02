using Stoker.Api.Problems;
using Stoker.ControlPlane.Replicas;

namespace Stoker.ControlPlane.Deployments;

internal sealed partial class ReplicaPlanner
{
    /// <summary>Step 6.</summary>
    private ReplicaPlan Finish()
    {
        var before = _deployment.Status;
        var satisfied = IsSatisfied();
        var state = State(satisfied);
        var (deleteTime, purgeTime) = Purge(state);
        var (lastReady, lastStable) = ReadyRevisions(satisfied);
        var status = before with
        {
            State = state,
            Condition = Condition(state),
            ObservedGeneration = _deployment.Generation,
            ReadyGeneration = state == DeploymentState.Ready && satisfied ? _deployment.Generation : before.ReadyGeneration,
            FirstReadyTime = before.FirstReadyTime ?? (state == DeploymentState.Ready ? _now : null),
            DesiredReplicas = _deployment.DesiredReplicas,
            Replicas = _replicas,
            RecentStarts = _recentStarts,
            Failures = _failures,
            Region = _region,
            Emulated = DeploymentCapacity.IsEmulated(_deployment.Spec, input.Inventory),
            Stockout = FindStockout(),
            LastReady = lastReady,
            LastStable = lastStable,
            IdleWarning = _idle.Warning,
            DeleteTime = deleteTime,
            PurgeTime = purgeTime,
        };
        if (state == DeploymentState.Deleted && purgeTime > _now) LookAgainAt(purgeTime.Value);
        var remove = state == DeploymentState.Deleted && purgeTime <= _now;
        return new(status, _steps, _lookAgainAfter, remove) { Change = _change };
    }

    private bool IsSatisfied() =>
        Live.Count(replica => IsCurrent(replica) && replica.State == ReplicaState.Ready) == Desired && Live.Count() == Desired;

    private DeploymentState State(bool satisfied)
    {
        var status = _deployment.Status;
        if (_deployment.Deletion is not null)
        {
            return _replicas.Count > 0 || HasOrphans ? DeploymentState.Deleting : DeploymentState.Deleted;
        }

        if (GaveUp) return DeploymentState.Failed;
        if (satisfied || status.ReadyGeneration == _deployment.Generation) return DeploymentState.Ready;
        if (OutOfTries && _change is not DeploymentChange.RollBack) return DeploymentState.Failed;
        return status.ReadyGeneration == 0 ? DeploymentState.Creating : DeploymentState.Updating;
    }

    private bool HasOrphans => _observed.Values.Any(seen => seen.Phase != Runtimes.ReplicaPhase.Ended);

    private (DateTimeOffset? Delete, DateTimeOffset? Purge) Purge(DeploymentState state)
    {
        if (state != DeploymentState.Deleted) return (null, null);
        var deleted = _deployment.Status.DeleteTime ?? _now;
        return (deleted, _deployment.Deletion!.Hard
            ? deleted
            : _deployment.Status.PurgeTime ?? deleted + _options.PurgeAfter);
    }

    private DeploymentCondition? Condition(DeploymentState state)
    {
        var failed = _failures is { } failures ? $"{Sentence(failures.Message)} (try {failures.Count} of {_options.MaxTries})" : null;
        if (state is DeploymentState.Deleting or DeploymentState.Deleted) return null;
        if (state == DeploymentState.Failed)
        {
            var next = GaveUp
                ? "Nothing runs any more. Mend the cause and update the deployment to try again, or delete it."
                : "Replicas of the earlier settings serve on, and tries go on.";
            return new(Code.FailedPrecondition, $"No replica could be started. The last one said: {failed} {next}");
        }

        if (Live.Count(replica => replica.State == ReplicaState.Ready) < Desired || Live.Any(replica => !IsCurrent(replica)))
        {
            if (input.ModelProblem is { } problem) return new(Code.FailedPrecondition, problem);
            if (_replicas.Count(replica => replica.State == ReplicaState.Pending) is > 0 and var waiting)
            {
                return Waiting(waiting);
            }

            if (failed is not null)
            {
                return new(Code.Unavailable, $"A replica is being replaced. The last one said: {failed}");
            }
        }

        if (Filling() is { } filling) return filling;
        return _deployment.RolledBack is { } back
            ? new(Code.Aborted, $"The last update (revision {back.Revision}) was rolled back to revision {_deployment.Revision}, which serves: {Sentence(back.Cause)} Mend the cause and update again.")
            : null;
    }

    /// <summary>Told only when it takes long.</summary>
    private DeploymentCondition? Filling()
    {
        var filling = Live.Where(replica => replica.State == ReplicaState.Ready)
            .Select(replica => input.Addons.Replicas.GetValueOrDefault(replica.Id)).OfType<ReplicaFilling>().Where(one => one.Missing > 0).ToList();
        if (filling.Count == 0) return null;
        var since = filling.Min(one => one.Since) ?? _now;
        if (since <= _now && since + AddonProgress.Settle > _now)
        {
            LookAgainAt(since + AddonProgress.Settle);
            return null;
        }

        return new(
            Code.Unavailable,
            $"Addons are being loaded: {filling.Min(one => one.Loaded)}/{input.Addons.Deployed} loaded on the replica that has the fewest. Requests for those, and for the base model, are answered.");
    }

    private static string Sentence(string message) => message.EndsWith('.') ? message : message + ".";
}
