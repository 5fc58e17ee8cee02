namespace Stoker.ControlPlane.Routing;

/// <summary>
/// Which ready replica takes the next request: pure, and the place for an estimate of the time to first token.
/// </summary>
internal static class ReplicaChoice
{
    /// <summary>
    /// The fewest outstanding requests; among equals the one that was picked longest ago, so that idle ones share the
    /// work. A suspected one is none.
    /// </summary>
    /// <param name="onlyFree">Only replicas that run fewer requests than they can run at once.</param>
    /// <param name="like">Only replicas that fit.</param>
    public static ReplicaTarget? LeastOutstanding(
        IReadOnlyList<ReplicaTarget> ready, ReplicaTarget? except, bool onlyFree = false, Succession? like = null)
    {
        ReplicaTarget? best = null;
        var (fewest, oldest) = (int.MaxValue, long.MaxValue);
        for (var index = 0; index < ready.Count; index++)
        {
            var replica = ready[index];
            var inFlight = replica.InFlight; // read once: it changes beside us
            if (replica.IsSuspected || (like is not null && !like.Fits(replica))) continue;
            if (onlyFree && inFlight >= replica.MaxSequences) continue;
            if (ReferenceEquals(replica, except) || inFlight > fewest || (inFlight == fewest && replica.LastPick >= oldest)) continue;
            (best, fewest, oldest) = (replica, inFlight, replica.LastPick);
        }

        return best;
    }
}
