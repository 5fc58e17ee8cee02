using Stoker.ControlPlane.Replicas;

namespace Stoker.ControlPlane.Deployments;

internal sealed partial class ReplicaPlanner
{
    /// <summary>Enough for a median that one odd start does not move.</summary>
    private const int MostRecentStarts = 5;

    private IReadOnlyList<TimeSpan> _recentStarts = input.Deployment.Status.RecentStarts;

    /// <summary>A replica answers for the first time: how long that took is what the next clients to wait are told.</summary>
    private void NoteStart(Replica replica)
    {
        var taken = _now - (replica.StartTime ?? replica.CreateTime);
        if (taken < TimeSpan.Zero) return; // the clock was set back meanwhile
        _recentStarts = [.. _recentStarts.TakeLast(MostRecentStarts - 1), taken];
    }
}
