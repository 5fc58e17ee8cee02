using FsCheck;
using FsCheck.Fluent;
using Stoker.ControlPlane.Routing;
using static Stoker.ControlPlane.Tests.Routing.Routes;

namespace Stoker.ControlPlane.Tests.Routing;

public class HoldQueueTests
{
    private const string Name = "accounts/a/deployments/d";
    private const string Model = "accounts/a/models/m";

    private readonly SharedRoute _shared = new();

    private HoldQueue Queue => _shared.Queue;

    [Fact]
    public async Task Places_go_to_requests_in_the_order_in_which_they_came()
    {
        List<HeldRequest> held = [.. Enumerable.Range(0, 1_000).Select(_ => Enter())];
        Queue.Follow(Table(Replica("r", maxSequences: 1)));

        for (var index = 0; index < held.Count; index++)
        {
            if (index + 1 < held.Count) held[index + 1].Place.ShouldNotBeNull();
            var answer = await held[index].Answer;
            answer.Lease!.Dispose(); // the place is the next one's
        }

        Queue.Count.ShouldBe(0);
    }

    [Fact]
    public async Task As_many_are_released_as_replicas_have_places()
    {
        List<HeldRequest> held = [.. Enumerable.Range(0, 10).Select(_ => Enter())];

        Queue.Follow(Table(Replica("one", maxSequences: 2), Replica("two", maxSequences: 3)));

        Queue.Count.ShouldBe(5);
        foreach (var request in held.Take(5)) (await request.Answer).Lease.ShouldNotBeNull();
    }

    [Fact]
    public async Task Whoever_enters_late_meets_the_newest_table()
    {
        var old = Table();
        Queue.Follow(Table(Replica("r", maxSequences: 1)));

        var request = Enter(old);

        (await request.Answer).Lease!.Replica.ReplicaId.ShouldBe("r");
    }

    [Fact]
    public void Count_and_bytes_are_bounded_exactly_and_leaving_makes_room()
    {
        var (first, second) = (new HeldRequest(60), new HeldRequest(40));
        Queue.TryEnter(first, Table(), maxRequests: 2, maxBytes: 100).ShouldBe(HoldRefusal.None);
        Queue.TryEnter(new(41), Table(), 2, 100).ShouldBe(HoldRefusal.Bytes);
        Queue.TryEnter(second, Table(), 2, 100).ShouldBe(HoldRefusal.None);
        Queue.TryEnter(new(0), Table(), 2, 100).ShouldBe(HoldRefusal.Count);
        (Queue.Count, Queue.Bytes).ShouldBe((2, 100));

        Queue.TryLeave(first).ShouldBeTrue();
        Queue.TryLeave(first).ShouldBeFalse();

        (Queue.Count, Queue.Bytes).ShouldBe((1, 40));
        Queue.TryEnter(new(60), Table(), 2, 100).ShouldBe(HoldRefusal.None);
    }

    [Theory]
    [InlineData(Waiting.Failed)]
    [InlineData(Waiting.Parked)]
    [InlineData(Waiting.Deleting)]
    public async Task All_are_told_when_no_replica_will_come(Waiting waiting)
    {
        List<HeldRequest> held = [Enter(), Enter()];
        var failed = Table() with { Waiting = waiting };

        Queue.Follow(failed);

        foreach (var request in held) (await request.Answer).ShouldBe(new(failed, null));
        (await Enter().Answer).ShouldBe(new(failed, null));
    }

    [Fact]
    public async Task All_are_told_when_the_deployment_is_gone_and_it_may_come_back()
    {
        var request = Enter();
        Queue.Follow(null);
        (await request.Answer).ShouldBe(new(null, null));

        Queue.Follow(Table());
        Enter().Answer.IsCompleted.ShouldBeFalse();
    }

    [Fact]
    public async Task One_that_a_replica_turned_away_waits_for_another()
    {
        var (ending, next) = (Replica("ending", 8), Replica("next", 8));
        Queue.Follow(Table(ending));
        var request = new HeldRequest(0, except: ending);
        Queue.TryEnter(request, Table(ending), 1, 1);
        request.Answer.IsCompleted.ShouldBeFalse();

        Queue.Follow(Table(ending, next));

        (await request.Answer).Lease!.Replica.ShouldBeSameAs(next);
    }

    [Fact]
    public async Task A_begun_stream_goes_to_a_replica_of_its_kind_before_all_others_and_also_to_a_full_one()
    {
        var (failed, next) = (Replica("failed", 1), new ReplicaTarget("next", null, "/next", 1) { Kind = "k" });
        Queue.Follow(Table(next));
        var (running, waiting) = (Enter(), Enter());
        Queue.Follow(Table());
        var begun = Begun("k", failed);
        begun.Answer.IsCompleted.ShouldBeFalse();

        Queue.Follow(Table(next));

        (await begun.Answer).Lease!.Replica.ShouldBeSameAs(next);
        waiting.Answer.IsCompleted.ShouldBeFalse();
        (await running.Answer).Lease!.Dispose();
        next.InFlight.ShouldBe(1);
        waiting.Answer.IsCompleted.ShouldBeFalse(); // the place is the stream's
    }

    [Fact]
    public async Task A_begun_stream_keeps_nobody_waiting_and_waits_for_no_other_kind()
    {
        var failed = new ReplicaTarget("failed", null, "/failed", 8) { Kind = "k" };
        Queue.Follow(Table());
        var (begun, other) = (Begun("k", failed), Enter());

        Queue.Follow(Table(failed)); // nobody has noticed yet
        (await other.Answer).Lease!.Replica.ShouldBeSameAs(failed);
        begun.Answer.IsCompleted.ShouldBeFalse();

        var table = Table(failed, new ReplicaTarget("other", null, "/other", 8) { Kind = "another" });
        Queue.Follow(table);
        (await begun.Answer).ShouldBe(new(table, null));
        Queue.Count.ShouldBe(0);
    }

    [Theory]
    [InlineData("", SuccessionChance.NoneReady)]
    [InlineData("f", SuccessionChance.OnlyFailed)]
    [InlineData("fo", SuccessionChance.OtherKind)]
    [InlineData("u", SuccessionChance.OtherKind)]
    [InlineData("ofk", SuccessionChance.Fits)]
    internal void Who_may_go_on_is_ready_of_the_same_kind_and_has_not_failed(string ready, SuccessionChance expected)
    {
        var failed = new ReplicaTarget("f", null, "/f") { Kind = "k" };
        var succession = new Succession("k");
        succession.Failed(failed);
        succession.Among([.. ready.Select(letter => letter switch
        {
            'f' => failed,
            'k' => new ReplicaTarget("k", null, "/k") { Kind = "k" },
            'o' => new ReplicaTarget("o", null, "/o") { Kind = "other" },
            _ => Replica("u"), // of a kind that is not known
        })]).ShouldBe(expected);
    }

    [Fact]
    public async Task One_that_is_suspected_gets_nobody_until_it_is_trusted()
    {
        var suspect = new ReplicaTarget("s", null, "/s", 8) { Kind = "k" };
        var table = Table(suspect);
        Queue.Follow(table);
        (suspect.TrySuspect(), suspect.TrySuspect()).ShouldBe((true, false));

        var (waiting, begun) = (Enter(), Begun("k", Replica("failed")));
        (table.Pick(), table.PickFree(), table.HasFree, waiting.Answer.IsCompleted, begun.Answer.IsCompleted).ShouldBe((null, null, false, false, false));

        suspect.Trust();
        Queue.PlaceFreed();
        (await waiting.Answer).Lease!.Replica.ShouldBeSameAs(suspect);
        (await begun.Answer).Lease!.Replica.ShouldBeSameAs(suspect);
        suspect.InFlight.ShouldBe(2);
    }

    private HeldRequest Begun(string kind, ReplicaTarget failed)
    {
        var succession = new Succession(kind);
        succession.Failed(failed);
        var request = new HeldRequest(0, succession: succession);
        Queue.TryEnter(request, Table(), int.MaxValue, long.MaxValue).ShouldBe(HoldRefusal.None);
        return request;
    }

    [Fact]
    public async Task A_published_table_is_told_to_queues_of_the_table_before_also_under_another_queue()
    {
        var source = new RoutingSource();
        source.Publish(new RoutingTable([Table()]));
        var (kept, gone) = (Enter(), new HeldRequest(0));
        var other = To("accounts/a/deployments/other", Model);
        source.Publish(new RoutingTable([Table(), other]));
        other.Queue.TryEnter(gone, other, 1, 1);

        source.Publish(new RoutingTable([To(Name, Model, Replica("r"))])); // as after a deletion and a new creation

        (await kept.Answer).Lease.ShouldNotBeNull();
        (await gone.Answer).ShouldBe(new(null, null));
    }

    [Fact]
    public void No_request_is_lost_and_no_replica_overrun_whatever_happens() => Prop.ForAll(
        Gen.Choose(0, 99).ListOf(200).ToArbitrary(),
        actions =>
        {
            var run = new Run();
            foreach (var action in actions) run.Do(action);
            run.Finish();
            return true;
        }).QuickCheckThrowOnFailure();

    private HeldRequest Enter(Route? route = null)
    {
        var request = new HeldRequest(0);
        Queue.TryEnter(request, route ?? Table(), int.MaxValue, long.MaxValue).ShouldBe(HoldRefusal.None);
        return request;
    }

    private Route Table(params IReadOnlyList<ReplicaTarget> ready) => To(Name, Model, ready) with { Shared = _shared };

    /// <summary>A queue beside a list that says what must be in it.</summary>
    private sealed class Run
    {
        private readonly SharedRoute _shared = new();
        private readonly ReplicaTarget[] _replicas = [Replica("one", 1), Replica("two", 2)];
        private readonly List<HeldRequest> _expected = [];
        private readonly List<ReplicaLease> _leases = [];
        private IReadOnlyList<ReplicaTarget> _ready = [];

        public void Do(int action)
        {
            if (action < 45) Enter(action);
            else if (action < 60) Leave(action);
            else if (action < 80) Free(action);
            else Table([.. _replicas.Where((_, index) => (action & (1 << index)) != 0)]);
            Check();
        }

        public void Finish()
        {
            Table(_replicas);
            while (_leases.Count > 0) Free(0);
            Check();
            _expected.ShouldBeEmpty();
        }

        private void Enter(int bytes)
        {
            var request = new HeldRequest(bytes);
            _shared.Queue.TryEnter(request, Route, int.MaxValue, long.MaxValue);
            _expected.Add(request);
            TakeReleased();
        }

        private void Leave(int which)
        {
            if (_expected.Count == 0) return;
            var request = _expected[which % _expected.Count];
            _shared.Queue.TryLeave(request).ShouldBeTrue();
            _expected.Remove(request);
        }

        private void Free(int which)
        {
            if (_leases.Count == 0) return;
            var lease = _leases[which % _leases.Count];
            _leases.Remove(lease);
            lease.Dispose();
            TakeReleased();
        }

        private void Table(IReadOnlyList<ReplicaTarget> ready)
        {
            _ready = ready;
            _shared.Queue.Follow(Route);
            TakeReleased();
        }

        /// <summary>Only the first may go, and each that goes has a place.</summary>
        private void TakeReleased()
        {
            while (_expected.Count > 0 && _expected[0].Place is null)
            {
                _leases.Add(_expected[0].Given.Lease.ShouldNotBeNull());
                _expected.RemoveAt(0);
            }
        }

        private void Check()
        {
            _expected.All(request => request.Place is not null).ShouldBeTrue();
            (_shared.Queue.Count, _shared.Queue.Bytes).ShouldBe((_expected.Count, _expected.Sum(request => request.Bytes)));
            _replicas.Sum(replica => replica.InFlight).ShouldBe(_leases.Count);
            _replicas.All(replica => replica.InFlight <= replica.MaxSequences).ShouldBeTrue();
            // Nobody waits beside a free place.
            if (_expected.Count > 0) _ready.All(replica => replica.InFlight == replica.MaxSequences).ShouldBeTrue();
        }

        private Route Route => To(Name, Model, _ready) with { Shared = _shared };
    }
}
