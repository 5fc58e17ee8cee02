using Stoker.ControlPlane.Metering;
using Stoker.ControlPlane.Runtimes;
using Stoker.ControlPlane.Storage;

namespace Stoker.ControlPlane.Tests.Metering;

public class ReplicaIntervalTests
{
    private static readonly ReplicaId A = ReplicaId.Parse("aaaaaaaaaaaa");
    private static readonly ReplicaId B = ReplicaId.Parse("bbbbbbbbbbbb");

    [Fact]
    public void An_empty_ledger_has_no_intervals() => ReplicaInterval.From(LedgerEvents.Reading()).ShouldBeEmpty();

    [Fact]
    public void An_ended_life_is_an_interval_from_ready_to_its_end()
    {
        var interval = ReplicaInterval.From(LedgerEvents.Reading(Event(A, 0, 10), Ended(A, 1, 75.5))).ShouldHaveSingleItem();
        (interval.StartTime, interval.EndTime, interval.IsOpen).ShouldBe((LedgerEvents.Noon.AddSeconds(10), LedgerEvents.Noon.AddSeconds(75.5), false));
        interval.Length.ShouldBe(TimeSpan.FromSeconds(65.5));
    }

    [Fact]
    public void An_open_life_counts_to_its_last_proof()
    {
        var reading = LedgerEvents.Reading(Event(A, 0, 10), Event(A, 1, 20)).With(new LifeProof(A, LedgerEvents.At(42), TimeSpan.Zero));
        var interval = ReplicaInterval.From(reading).ShouldHaveSingleItem();
        (interval.Length, interval.EndTime, interval.IsOpen).ShouldBe((TimeSpan.FromSeconds(32), LedgerEvents.Noon.AddSeconds(42), true));
    }

    [Fact]
    public void A_reservation_that_begins_and_ends_makes_intervals_of_its_own()
    {
        var reserved = LedgerEvents.What(accelerators: 2) with { Reserved = true };
        var plain = reserved with { Reserved = false };
        var intervals = ReplicaInterval.From(LedgerEvents.Reading(
            Event(A, 0, 0) with { What = plain }, Event(A, 1, 10) with { What = reserved }, Event(A, 2, 15) with { What = reserved },
            Event(A, 3, 40) with { What = plain }, Ended(A, 4, 47) with { What = plain }));
        intervals.Select(interval => (interval.What.Reserved, interval.AcceleratorTime.TotalSeconds, interval.IsOpen))
            .ShouldBe([(false, 20, false), (true, 60, false), (false, 14, false)]);
    }

    [Fact]
    public void Intervals_of_many_replicas_come_in_the_order_of_their_starts()
    {
        var intervals = ReplicaInterval.From(LedgerEvents.Reading(Event(B, 0, 5), Event(A, 0, 10), Ended(A, 1, 11), Ended(B, 1, 50)));
        intervals.Select(interval => (interval.Replica, interval.Length.TotalSeconds)).ShouldBe([(B, 45), (A, 1)]);
    }

    [Fact]
    public void A_day_ends_at_midnight_utc()
    {
        // From 23:59:50 for 3 days, 2 accelerators.
        var start = (12 * 3600) - 10.0;
        var what = LedgerEvents.What(accelerators: 2);
        var days = DayUsage.Of(ReplicaInterval.From(LedgerEvents.Reading(
            Event(A, 0, start) with { What = what }, Ended(A, 1, start + (3 * 86400)) with { What = what })));
        days.Select(day => (day.Day.Day, day.ReplicaTime.TotalSeconds, day.AcceleratorTime.TotalSeconds))
            .ShouldBe([(1, 10, 20), (2, 86400, 172800), (3, 86400, 172800), (4, 86390, 172780)]);
    }

    [Fact]
    public void A_day_that_the_clock_showed_twice_has_both()
    {
        // An hour after noon the clock is set back by an hour.
        var days = DayUsage.Of(ReplicaInterval.From(LedgerEvents.Reading(
            Event(A, 0, 0), Event(A, 1, 3600) with { At = LedgerEvents.At(3600, wall: 0) },
            Ended(A, 2, 13 * 3600) with { At = LedgerEvents.At(13 * 3600, wall: 12 * 3600) })));
        var day = days.ShouldHaveSingleItem();
        (day.Day, day.ReplicaTime).ShouldBe((new DateOnly(2030, 1, 1), TimeSpan.FromHours(13)));
    }

    [Fact]
    public void Deployments_and_kinds_are_summed_apart()
    {
        var h100 = LedgerEvents.What() with { AcceleratorType = "NVIDIA_H100_80GB" };
        var other = LedgerEvents.What("other");
        var c = ReplicaId.Parse("cccccccccccc");
        var days = DayUsage.Of(ReplicaInterval.From(LedgerEvents.Reading(
            Event(A, 0, 0), Ended(A, 1, 1), Event(B, 0, 0) with { What = h100 }, Ended(B, 1, 2) with { What = h100 },
            Event(c, 0, 0) with { What = other }, Ended(c, 1, 4) with { What = other })));
        days.Select(day => (day.Deployment.Deployment.ToString(), day.AcceleratorType, day.AcceleratorTime.TotalSeconds))
            .ShouldBe([("d", "CPU", 1), ("d", "NVIDIA_H100_80GB", 2), ("other", "CPU", 4)]);
    }

    private static LedgerEvent Event(ReplicaId replica, int ordinal, double second) => LedgerEvents.Event(replica, ordinal, second);

    private static LedgerEvent Ended(ReplicaId replica, int ordinal, double second) =>
        Event(replica, ordinal, second) with { Kind = LedgerEventKind.Ended };
}
