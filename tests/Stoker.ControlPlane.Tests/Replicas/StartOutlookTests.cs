using Stoker.ControlPlane.Replicas;
using Stoker.ControlPlane.Runtimes;

namespace Stoker.ControlPlane.Tests.Replicas;

public class StartOutlookTests
{
    private static readonly DateTimeOffset Noon = new(2030, 1, 1, 12, 0, 0, TimeSpan.Zero);
    private static readonly IReadOnlyList<TimeSpan> Recent = [TimeSpan.FromSeconds(1)];

    [Fact]
    public void Nothing_starts_while_replicas_wait_for_capacity_serve_or_end() =>
        StartOutlook.Of([New(ReplicaState.Pending), New(ReplicaState.Ready), New(ReplicaState.Draining)], [], Recent)
            .ShouldBe(new(StartPhase.Scheduling, null, null, Recent));

    [Fact]
    public void The_replica_that_is_furthest_along_counts()
    {
        var (starting, slow, fast) = (New(ReplicaState.Starting), New(ReplicaState.Loading), New(ReplicaState.Loading) with { StartTime = Noon.AddSeconds(5) });

        StartOutlook.Of([starting], [], Recent).ShouldBe(new(StartPhase.Starting, null, Noon, Recent));
        StartOutlook.Of([starting, slow, fast], [Seen(slow, 0.2), Seen(fast, 0.7)], Recent)
            .ShouldBe(new(StartPhase.Loading, 0.7, Noon.AddSeconds(5), Recent));
    }

    private static Replica New(ReplicaState state) =>
        new(ReplicaId.Random(), 1, state, Allotment: null, Noon.AddMinutes(-1), StartTime: state == ReplicaState.Pending ? null : Noon);

    private static ObservedReplica Seen(Replica replica, double progress) => new(
        new()
        {
            Id = replica.Id,
            Deployment = "accounts/a/deployments/d",
            Revision = 1,
            ModelFolder = "/m",
            ServedModelName = "m",
            Region = "LOCAL",
            AcceleratorType = "CPU",
            Slots = [0],
            ContextLength = 1,
            MemoryBytes = 1,
        },
        ReplicaPhase.Loading, Endpoint: null, progress, TimeSpan.Zero, End: null);
}
