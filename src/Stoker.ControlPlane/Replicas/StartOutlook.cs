using Stoker.ControlPlane.Runtimes;

namespace Stoker.ControlPlane.Replicas;

/// <summary>How far the start of a replica is, in the words that waiting clients read.</summary>
public enum StartPhase
{
    /// <summary>Not started: it waits for the decision, or for capacity.</summary>
    Scheduling,

    /// <summary>Its process starts.</summary>
    Starting,

    /// <summary>It loads its model.</summary>
    Loading,
}

/// <summary>The start that is furthest along, and how long the last ones took.</summary>
/// <param name="Loaded">0..1 of the loading, as the replica reports it; null when it does not.</param>
/// <param name="Since">When it was started; null while nothing is.</param>
/// <param name="Recent">The last starts of this deployment, oldest first.</param>
public sealed record StartOutlook(StartPhase Phase, double? Loaded, DateTimeOffset? Since, IReadOnlyList<TimeSpan> Recent)
{
    public static StartOutlook Unknown { get; } = new(StartPhase.Scheduling, null, null, []);

    /// <param name="replicas">As recorded; those that drain do not count.</param>
    /// <param name="observed">As the runtime sees them: how much of the model is loaded.</param>
    public static StartOutlook Of(
        IReadOnlyList<Replica> replicas, IReadOnlyList<ObservedReplica> observed, IReadOnlyList<TimeSpan> recent)
    {
        var first = replicas
            .Where(replica => replica.State is ReplicaState.Starting or ReplicaState.Loading)
            .OrderByDescending(replica => replica.State)
            .ThenByDescending(Loaded)
            .ThenBy(replica => replica.StartTime)
            .FirstOrDefault();
        return first is null
            ? Unknown with { Recent = recent }
            : new(
                first.State == ReplicaState.Loading ? StartPhase.Loading : StartPhase.Starting,
                Loaded(first),
                first.StartTime ?? first.CreateTime,
                recent);

        double? Loaded(Replica replica) => observed.FirstOrDefault(seen => seen.Id == replica.Id)?.Progress;
    }
}
