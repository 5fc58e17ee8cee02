using FsCheck;
using FsCheck.Fluent;
using Stoker.ControlPlane.Routing;
using static Stoker.ControlPlane.Tests.Routing.Routes;

namespace Stoker.ControlPlane.Tests.Routing;

public class RouteTests
{
    private const string Name = "accounts/a/deployments/d";
    private const string Model = "accounts/a/models/m";

    [Fact]
    public void Picks_the_replica_with_the_fewest_outstanding_requests()
    {
        var (one, two, three) = (Replica("one"), Replica("two"), Replica("three"));
        var route = To(Name, Model, one, two, three);
        using var first = route.Pick()!;
        using var second = route.Pick()!;
        using var third = route.Pick()!;
        new[] { first, second, third }.Select(lease => lease.Replica.ReplicaId).ShouldBe(["one", "two", "three"], ignoreOrder: true);

        second.Dispose();

        using var fourth = route.Pick()!;
        fourth.Replica.ShouldBeSameAs(second.Replica);
    }

    [Fact]
    public void Idle_replicas_take_turns()
    {
        var route = To(Name, Model, Replica("one"), Replica("two"));

        List<string> picked = [];
        for (var request = 0; request < 4; request++)
        {
            using var lease = route.Pick()!;
            picked.Add(lease.Replica.ReplicaId);
        }

        picked.ShouldBe(["one", "two", "one", "two"]);
    }

    [Fact]
    public void A_replica_that_just_failed_is_left_out()
    {
        var (one, two) = (Replica("one"), Replica("two"));

        To(Name, Model, one, two).Pick(except: one)!.Replica.ShouldBeSameAs(two);
        To(Name, Model, one).Pick(except: one).ShouldBeNull();
        To(Name, Model).Pick().ShouldBeNull();
    }

    [Fact]
    public void A_place_given_back_twice_counts_once()
    {
        var replica = Replica("one");
        var route = To(Name, Model, replica);
        using var kept = route.Pick();
        var lease = route.Pick()!;
        replica.InFlight.ShouldBe(2);

        lease.Dispose();
        lease.Dispose();

        replica.InFlight.ShouldBe(1);
    }

    [Fact]
    public void Counts_hold_across_tables()
    {
        var replica = Replica("one");
        var old = To(Name, Model, replica, Replica("two"));
        using var lease = old.Pick();

        using var next = (To(Name, Model, replica, Replica("three")) with { Shared = old.Shared }).Pick()!;

        next.Replica.ReplicaId.ShouldBe("three");
    }

    [Fact]
    public void A_held_request_gets_a_place_only_where_it_runs_at_once()
    {
        var (small, large) = (Replica("small", maxSequences: 1), Replica("large", maxSequences: 3));
        var route = To(Name, Model, small, large);

        List<ReplicaLease?> leases = [.. Enumerable.Range(0, 5).Select(_ => route.PickFree())];

        (small.InFlight, large.InFlight, leases[^1]).ShouldBe((1, 3, null));
        route.Pick().ShouldNotBeNull(); // one that is not held may wait in the replica
        leases[0]!.Dispose();
        route.PickFree(except: leases[0]!.Replica).ShouldBeNull();
    }

    [Fact]
    public void Load_never_differs_by_more_than_one_while_requests_only_come() =>
        Prop.ForAll(Gen.Choose(1, 8).Zip(Gen.Choose(0, 50)).ToArbitrary(), pair =>
        {
            ReplicaTarget[] replicas = [.. Enumerable.Range(0, pair.Item1).Select(index => Replica($"r{index}"))];
            var route = To(Name, Model, replicas);
            for (var request = 0; request < pair.Item2; request++) route.Pick();
            return replicas.Max(replica => replica.InFlight) - replicas.Min(replica => replica.InFlight) <= 1
                && replicas.Sum(replica => replica.InFlight) == pair.Item2;
        }).QuickCheckThrowOnFailure();
}
