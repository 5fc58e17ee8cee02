using Stoker.ControlPlane.Capacity;
using Stoker.ControlPlane.Replicas;

namespace Stoker.ControlPlane.Deployments;

internal sealed partial class ReplicaPlanner
{
    /// <summary>Step 5.</summary>
    private void Reconsider()
    {
        _change = RollBack();
        _idle = IdleDeletion.Decide(_deployment, input.LastRequest, _options, _now);
        if (_idle is { Delete: true, Warning: { } warning }) _change = new DeploymentChange.DeleteIdle(IdleDeletion.Cause(warning));
        else if (_idle.LookAgainAt is { } lookAgain) LookAgainAt(lookAgain);
    }

    private DeploymentChange.RollBack? RollBack()
    {
        if (_deployment.Deletion is not null || RollBackTarget is not { } target) return null;
        if (OutOfTries) return new(target, $"no replica of it could be started in {_failures!.Count} tries, and the last one said: {_failures.Message}");
        if (WhyWorse(target) is { } worse) return new(target, worse);
        if (HomelessSince is not { } since) return null;
        var patienceEnds = since + _options.SurgePatience;
        if (patienceEnds <= _now) return new(target, $"there was no room for its first replica: {Homeless()}");
        LookAgainAt(patienceEnds);
        return null;
    }

    /// <summary>
    /// Only an earlier revision: after a rollback, the one that failed is no place to go back to. A revision that was
    /// ready but broke before it was stable leads to the one before it.
    /// </summary>
    private ReadyRevision? RollBackTarget => _deployment.Status switch
    {
        { LastReady: { } ready } when ready.Revision < _deployment.Revision => ready,
        { LastStable: { } stable } when stable.Revision < _deployment.Revision => stable,
        _ => null,
    };

    private string? WhyWorse(ReadyRevision than) =>
        input.Figures.TryGetValue(than.Revision, out var before) && input.Figures.TryGetValue(_deployment.Revision, out var after)
            ? UpdateQuality.WhyWorse(before, after)
            : null;

    /// <summary>
    /// Since when an update waits for room for its first replica while replicas of an earlier revision serve; null when
    /// it does not. Its later replicas wait as any others do.
    /// </summary>
    private DateTimeOffset? HomelessSince
    {
        get
        {
            var current = Live.Where(IsCurrent).ToList();
            var isUpdate = current.Count > 0 && Live.Any(replica => !IsCurrent(replica));
            return isUpdate && current.TrueForAll(replica => replica.State == ReplicaState.Pending) ? current.Min(replica => replica.CreateTime) : null;
        }
    }

    private string Homeless() =>
        $"it needs {Request.Count} {Request.Type}, {Placement.FreeCount(input.Inventory, Taken, Request)} are free";

    /// <summary>
    /// The revisions that can be gone back to. One that was ready for a moment counts only until another one was ready;
    /// one that was stable counts until another one was stable.
    /// </summary>
    private (ReadyRevision? Ready, ReadyRevision? Stable) ReadyRevisions(bool satisfied)
    {
        var (ready, stable) = (_deployment.Status.LastReady, _deployment.Status.LastStable);
        if (!satisfied || StableTime is not { } stableAt) return (ready, stable); // also when none is wanted: nothing was proven
        var reached = new ReadyRevision(_deployment.Revision, _deployment.Spec.ReplicaSettings);
        var provenAt = stable is null ? stableAt : stableAt + _options.UpdateProbation; // the first has nothing to be compared with
        if (provenAt <= _now || stable?.Revision == reached.Revision) return (reached, reached);
        LookAgainAt(provenAt);
        return (reached, stable);
    }
}
