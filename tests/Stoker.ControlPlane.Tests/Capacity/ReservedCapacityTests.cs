using FsCheck;
using FsCheck.Fluent;
using Stoker.Api.Names;
using Stoker.ControlPlane.Capacity;
using Stoker.ControlPlane.Runtimes;

namespace Stoker.ControlPlane.Tests.Capacity;

/// <summary>A reservation is always honoured, and a slot is never given twice, whatever accounts do.</summary>
public class ReservedCapacityTests
{
    private static readonly DateTimeOffset Noon = new(2030, 1, 1, 12, 0, 0, TimeSpan.Zero);
    private static readonly Region Iowa = Region.Parse("US_IOWA_1");
    private static readonly Region Paris = Region.Parse("EU_PARIS_1");
    private static readonly AccountName[] Accounts = [Account("a"), Account("b"), Account("c")];
    private static readonly Inventory Two = new([new(Iowa, AcceleratorType.H100, 16, [], 1), new(Paris, AcceleratorType.H100, 8, [], 1)]);

    // a has 8 of Iowa, b has 6 of Iowa and 8 of Paris, c has nothing.
    private static readonly Reservation[] Reserved = [Of("a", 8), Of("b", 6), Of("b", 8) with { Region = Paris }];

    [Fact]
    public void Within_a_reservation_nobody_ever_waits() => Prop.ForAll(Histories().ToArbitrary(), history =>
    {
        var plant = new Plant(borrow: false);
        return history.All(plant.Do);
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void What_is_borrowed_comes_back_by_drain() => Prop.ForAll(Histories().ToArbitrary(), history =>
    {
        var plant = new Plant(borrow: true);
        return history.All(plant.Do);
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void Free_slots_that_are_reserved_are_not_for_others()
    {
        var withheld = ReservedCapacity.For(Account("c"), Reserved, [], [], borrow: false);
        Placement.TryPlace(Two, [], new(PlacementRule.In(Iowa), AcceleratorType.H100, 2), withheld: withheld).ShouldNotBeNull();
        Placement.TryPlace(Two, [], new(PlacementRule.In(Iowa), AcceleratorType.H100, 3), withheld: withheld).ShouldBeNull();
        Placement.TryPlace(Two, [], new(PlacementRule.In(Paris), AcceleratorType.H100, 1), withheld: withheld).ShouldBeNull();
        Placement.FreeCount(Two, [], new(PlacementRule.Global, AcceleratorType.H100, 1), withheld).ShouldBe(2);
    }

    [Fact]
    public void Borrowing_lends_what_nobody_waits_for()
    {
        CapacityClaim[] waiting = [new(Account("a"), new(PlacementRule.In(Iowa), AcceleratorType.H100, 4))];
        var lent = ReservedCapacity.For(Account("c"), Reserved, [], [], borrow: true);
        Placement.FreeCount(Two, [], new(PlacementRule.Global, AcceleratorType.H100, 1), lent).ShouldBe(24);
        var kept = ReservedCapacity.For(Account("c"), Reserved, [], waiting, borrow: true);
        Placement.FreeCount(Two, [], new(PlacementRule.Global, AcceleratorType.H100, 1), kept).ShouldBe(20);
    }

    [Fact]
    public void The_newest_replicas_that_no_reservation_covers_go_first_and_no_more_than_needed()
    {
        Holding[] held = [Held("c", "c1", 0, 4, 1), Held("c", "c2", 4, 4, 3), Held("b", "b1", 8, 4, 5), Held("b", "b2", 12, 4, 6)];
        CapacityClaim[] waiting = [new(Account("a"), new(PlacementRule.In(Iowa), AcceleratorType.H100, 4))];

        // Of b's eight, four are within its six: b2 is the newest that is not.
        ReservedCapacity.ToGiveBack(Two, Reserved, held, waiting).ShouldBe([held[3].Replica]);
        ReservedCapacity.ToGiveBack(Two, Reserved, held, [.. waiting, .. waiting]).ShouldBe([held[3].Replica, held[1].Replica], ignoreOrder: true);

        // What drains already is on its way, and a third would be beyond the reservation.
        Holding[] draining = [.. held[..3], held[3] with { Draining = true }];
        ReservedCapacity.ToGiveBack(Two, Reserved, draining, waiting).ShouldBeEmpty();
        ReservedCapacity.ToGiveBack(Two, Reserved, held, [.. waiting, .. waiting, .. waiting]).Count.ShouldBe(2);
    }

    [Fact]
    public void A_reservation_covers_the_oldest_replicas_that_are_wholly_within_it()
    {
        Holding[] held = [Held("b", "b1", 0, 4, 1), Held("b", "b2", 4, 4, 2), Held("b", "b3", 8, 2, 3), Held("c", "c1", 10, 2, 0), Held("a", "a1", 12, 4, 9)];
        ReservedCapacity.Covered(Reserved, held).ShouldBe([held[0].Replica, held[2].Replica, held[4].Replica], ignoreOrder: true);
        ReservedCapacity.Covered([], held).ShouldBeEmpty();
        ReservedCapacity.Covered(Reserved, [held[4] with { Draining = true }, held[0] with { Account = null }]).ShouldBe([held[4].Replica]);
    }

    [Theory]
    [InlineData(0, 24, 8)] // both halves of the day, never together
    [InlineData(0, 6, 3)]
    [InlineData(13, 14, 8)]
    [InlineData(20, 24, 0)]
    public void The_most_that_is_reserved_of_a_span_is_found_at_its_beginnings(int from, int to, int expected)
    {
        Reservation[] day = [Of("a", 3) with { StartTime = Noon.AddHours(0), EndTime = Noon.AddHours(12) }, Of("b", 8) with { StartTime = Noon.AddHours(12), EndTime = Noon.AddHours(20) }];
        ReservedCapacity.Most(day, Iowa, AcceleratorType.H100, Noon.AddHours(from), Noon.AddHours(to)).ShouldBe(expected);
    }

    private static Gen<(int Account, int Count, bool IsEnd)[]> Histories() => Gen.ArrayOf(
        from account in Gen.Choose(0, 2)
        from count in Gen.Choose(1, 8)
        from end in Gen.Choose(0, 2)
        select (account, count, end == 0)).Resize(80);

    private static AccountName Account(string id) => AccountName.Parse($"accounts/{id}");

    private static Reservation Of(string account, int count) => new(
        ReservationName.Parse($"accounts/{account}/reservations/r"), AcceleratorType.H100, Iowa, count, DateTimeOffset.UnixEpoch, EndTime: null);

    private static Holding Held(string account, string id, int first, int count, int minute) => new(
        Account(account), Id(id), new(Iowa, AcceleratorType.H100, [.. Enumerable.Range(first, count)]), Noon.AddMinutes(minute), Draining: false);

    private static ReplicaId Id(string text) => ReplicaId.Parse(text.PadRight(12, '0'));

    /// <summary>Accounts that take and leave, by the same calls as the reconciler's.</summary>
    private sealed class Plant(bool borrow)
    {
        private readonly List<Holding> _held = [];
        private int _ids;

        public bool Do((int Account, int Count, bool IsEnd) action)
        {
            var account = Accounts[action.Account];
            if (action.IsEnd)
            {
                if (_held.FindIndex(holding => holding.Account == account) is >= 0 and var index) _held.RemoveAt(index);
                return IsSound();
            }

            foreach (var region in new[] { Iowa, Paris })
            {
                var left = Reserved.Where(reservation => reservation.Account == account && reservation.Region == region).Sum(reservation => reservation.Count)
                    - _held.Where(holding => holding.Account == account && holding.Allotment.Region == region).Sum(holding => holding.Count);
                var request = new CapacityRequest(PlacementRule.In(region), AcceleratorType.H100, action.Count);
                var placed = TryTake(account, request);
                if (placed || action.Count > left) continue;
                if (!borrow) return false; // it was reserved and it was not there
                CapacityClaim[] waiting = [new(account, request)];
                var given = ReservedCapacity.ToGiveBack(Two, Reserved, _held, waiting);
                if (_held.Where(holding => given.Contains(holding.Replica)).Any(IsCovered)) return false; // nobody loses what is reserved
                _held.RemoveAll(holding => given.Contains(holding.Replica));
                if (!TryTake(account, request)) return false;
            }

            return IsSound();
        }

        private bool TryTake(AccountName account, CapacityRequest request)
        {
            var withheld = ReservedCapacity.For(account, Reserved, _held, [], borrow);
            if (Placement.TryPlace(Two, _held.Select(holding => holding.Allotment), request, withheld: withheld) is not { } allotment) return false;
            _held.Add(new(account, ReplicaId.Parse($"r{_ids++:00000000000}"), allotment, Noon.AddSeconds(_ids), Draining: false));
            return true;
        }

        private bool IsCovered(Holding holding)
        {
            var reserved = Reserved.Where(reservation => reservation.Account == holding.Account && reservation.Region == holding.Allotment.Region).Sum(reservation => reservation.Count);
            return _held.Where(other => other.Account == holding.Account && other.Allotment.Region == holding.Allotment.Region && other.Since <= holding.Since)
                .Sum(other => other.Count) <= reserved;
        }

        private bool IsSound() => _held.GroupBy(holding => holding.Allotment.Region).All(region =>
            region.SelectMany(holding => holding.Allotment.Slots) is var slots && slots.Distinct().Count() == slots.Count()
            && slots.All(slot => slot >= 0 && slot < Two.Find(region.Key, AcceleratorType.H100)!.Count));
    }
}
