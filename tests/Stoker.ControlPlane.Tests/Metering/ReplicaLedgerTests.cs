using Stoker.ControlPlane.Metering;
using Stoker.ControlPlane.Runtimes;
using Stoker.ControlPlane.Storage;

namespace Stoker.ControlPlane.Tests.Metering;

public class ReplicaLedgerTests
{
    private readonly MeteringWorld _world = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Boot_is_free_and_ready_to_end_is_paid_for()
    {
        await _world.StartServerAsync();
        var life = _world.Start(accelerators: 2);
        await _world.PassAsync(30);
        await _world.ObserveAsync();
        _world.Store.All.Events.ShouldBeEmpty();

        life.Phase = ReplicaPhase.Ready;
        await _world.ObserveAsync();
        var start = _world.Time.Passed;
        await _world.PassAsync(100);
        var length = _world.Time.Passed - start;
        _world.Die(life);
        await _world.PassAsync(60);
        await _world.ObserveAsync();
        await _world.PassAsync(60);

        var interval = _world.Intervals().ShouldHaveSingleItem();
        (interval.Length, interval.AcceleratorTime, interval.IsOpen).ShouldBe((length, length * 2, false));
        (interval.What.Deployment, interval.What.AcceleratorType, interval.What.Region).ShouldBe((MeteringWorld.Name(0), "CPU", "LOCAL"));
    }

    [Fact]
    public async Task When_a_look_is_over_the_ready_replica_is_written()
    {
        await _world.StartServerAsync();
        var life = await _world.ReadyAsync();
        _world.KillServer(); // at once: nothing may depend on what comes later
        _world.Store.All.Events.ShouldHaveSingleItem().Replica.ShouldBe(life.Spec.Id);
    }

    [Fact]
    public async Task A_drain_is_paid_for_until_the_replica_is_gone()
    {
        await _world.StartServerAsync();
        var life = await _world.ReadyAsync();
        var start = _world.Time.Passed;
        await _world.PassAsync(20);
        life.Phase = ReplicaPhase.Draining;
        await _world.ObserveAsync();
        await _world.PassAsync(40);
        var length = _world.Time.Passed - start;
        _world.Die(life);
        await _world.ObserveAsync();
        _world.Intervals().Single().Length.ShouldBe(length);
    }

    [Fact]
    public async Task Nothing_is_paid_for_at_zero_replicas()
    {
        await _world.StartServerAsync();
        await _world.ObserveAsync();
        await _world.PassAsync(3600);
        (_world.Store.All.Events.Count, _world.Store.All.Proofs.Count).ShouldBe((0, 0));
    }

    [Fact]
    public async Task A_replica_that_was_stopped_before_it_was_ready_costs_nothing()
    {
        await _world.StartServerAsync();
        var life = _world.Start();
        await _world.ObserveAsync();
        life.Phase = ReplicaPhase.Draining;
        await _world.PassAsync(5);
        await _world.ObserveAsync();
        _world.Die(life);
        await _world.ObserveAsync();
        _world.Store.All.Events.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_replica_that_no_deployment_knows_costs_nothing()
    {
        await _world.StartServerAsync();
        var orphan = _world.Start();
        (orphan.IsRecorded, orphan.Phase) = (false, ReplicaPhase.Ready);
        await _world.ObserveAsync();
        await _world.PassAsync(20);
        _world.Store.All.Events.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_replica_that_hangs_until_it_is_given_up_is_paid_for_up_to_its_last_answer()
    {
        await _world.StartServerAsync();
        var life = await _world.ReadyAsync();
        var start = _world.Time.Passed;
        await _world.PassAsync(23);
        var length = _world.Time.Passed - start;
        life.IsHung = true;
        await _world.PassAsync(60);
        _world.Die(life);
        await _world.ObserveAsync();
        _world.Intervals().Single().Length.ShouldBe(length);
    }

    [Fact]
    public async Task A_replica_that_hangs_and_comes_back_has_lived_all_the_time_and_the_check_tells_of_the_gap()
    {
        await _world.StartServerAsync();
        var life = await _world.ReadyAsync();
        var start = _world.Time.Passed;
        await _world.PassAsync(23);
        life.IsHung = true;
        await _world.PassAsync(45);
        life.IsHung = false;
        await _world.PassAsync(10);
        var length = _world.Time.Passed - start;
        _world.Die(life);
        await _world.ObserveAsync();
        _world.Intervals().Single().Length.ShouldBe(length);
        var finding = LedgerCheck.Verify(_world.Store.All).ShouldHaveSingleItem();
        finding.IsLate.ShouldBeTrue();
        finding.Message.ShouldContain("the bound is 10 s");
    }

    [Fact]
    public async Task A_replica_outlives_its_server_without_a_hole()
    {
        await _world.StartServerAsync();
        var life = await _world.ReadyAsync();
        var start = _world.Time.Passed;
        await _world.PassAsync(17);
        _world.KillServer();
        await _world.PassAsync(40); // longer than any heartbeat: it lives, and that is proven afterwards
        await _world.StartServerAsync();
        await _world.PassAsync(30);
        var length = life.AnsweredAt!.Value - start;
        _world.Die(life);
        await _world.ObserveAsync();
        _world.Intervals().ShouldHaveSingleItem().Length.ShouldBe(length);
        _world.Store.All.Events.Select(written => written.Kind).ShouldBe([LedgerEventKind.Ready, LedgerEventKind.Resumed, LedgerEventKind.Ended]);
        LedgerCheck.Verify(_world.Store.All).ShouldBeEmpty();
    }

    [Fact]
    public async Task Server_and_replica_that_die_together_lose_no_more_than_the_heartbeat()
    {
        await _world.StartServerAsync();
        var life = await _world.ReadyAsync();
        await _world.PassAsync(28);
        var proven = life.ProvedAt!.Value;
        _world.KillServer();
        _world.Die(life);
        await _world.PassAsync(500);
        await _world.StartServerAsync();

        var interval = _world.Intervals().ShouldHaveSingleItem();
        interval.IsOpen.ShouldBeFalse();
        (proven - interval.Length).ShouldBeInRange(TimeSpan.FromTicks(1), LedgerRule.Heartbeat);
    }

    [Fact]
    public async Task A_replica_that_lived_on_alone_is_paid_for_to_the_last_sign_that_it_left()
    {
        await _world.StartServerAsync();
        var life = await _world.ReadyAsync();
        await _world.PassAsync(28);
        _world.KillServer();
        await _world.PassAsync(40);
        _world.Die(life);
        life.OwnSign = _world.Time.GetTimestamp(); // the next runtime finds it beside its end
        await _world.PassAsync(500);
        await _world.StartServerAsync();

        var interval = _world.Intervals().ShouldHaveSingleItem();
        interval.IsOpen.ShouldBeFalse();
        interval.Length.ShouldBe(TimeSpan.FromSeconds(68), tolerance: TimeSpan.FromMilliseconds(10)); // the world's clock ticks at each look
        LedgerCheck.Verify(_world.Store.All).ShouldBeEmpty();
    }

    [Theory]
    [InlineData(3600)]
    [InlineData(-3600)]
    public async Task A_step_of_the_wall_clock_changes_no_second(int seconds)
    {
        await _world.StartServerAsync();
        var life = await _world.ReadyAsync();
        await _world.PassAsync(12);
        _world.Time.Step(TimeSpan.FromSeconds(seconds));
        await _world.PassAsync(30);
        var length = _world.Time.Passed;
        _world.Die(life);
        await _world.ObserveAsync();

        var interval = _world.Intervals().ShouldHaveSingleItem();
        interval.Length.ShouldBe(length);
        interval.Pieces.Count.ShouldBe(2); // each where the wall clock had it
        _world.Store.All.Events[1].Kind.ShouldBe(LedgerEventKind.Alive);
        DayUsage.Of([interval]).Sum(day => day.ReplicaTime.Ticks).ShouldBe(length.Ticks);
    }

    [Fact]
    public async Task A_restart_of_the_machine_ends_what_ran_at_its_last_proof_of_life()
    {
        await _world.StartServerAsync();
        var life = await _world.ReadyAsync();
        await _world.PassAsync(21);
        await _world.BeatAsync();
        var length = life.ProvedAt!.Value;
        _world.KillServer();
        life.Phase = ReplicaPhase.Ended;
        await _world.PassAsync(7200);
        _world.Time.Reboot();
        _world.Time.Step(TimeSpan.FromHours(-1));
        await _world.StartServerAsync();
        _world.Intervals().ShouldHaveSingleItem().Length.ShouldBe(length);
        LedgerCheck.Verify(_world.Store.All).ShouldBeEmpty();
    }

    [Theory]
    [InlineData(4, 4)] // as a pod does, which is on another machine than the server
    [InlineData(300, 10)] // no more than the heartbeat is believed
    public async Task Of_a_replica_that_outlives_the_servers_boot_the_wall_clock_is_believed_up_to_the_heartbeat(int away, int counted)
    {
        await _world.StartServerAsync();
        var life = await _world.ReadyAsync();
        await _world.PassAsync(20);
        await _world.BeatAsync();
        var before = _world.Time.Passed;
        _world.KillServer();
        _world.Time.Advance(TimeSpan.FromSeconds(away));
        _world.Time.Reboot();
        await _world.StartServerAsync();
        _world.Ask(life);
        await _world.ObserveAsync();
        var resumed = _world.Time.Passed;
        await _world.PassAsync(20);
        var after = _world.Time.Passed - resumed;
        _world.Die(life);
        await _world.ObserveAsync();
        _world.Intervals().ShouldHaveSingleItem().Length.ShouldBe(before + TimeSpan.FromSeconds(counted) + after);
        LedgerCheck.Verify(_world.Store.All).ShouldBeEmpty();
    }

    [Fact]
    public async Task What_a_full_disk_does_not_take_is_written_later_as_it_was()
    {
        await _world.StartServerAsync();
        _world.Store.IsFull = true;
        var life = await _world.ReadyAsync();
        await _world.PassAsync(33);
        _world.Die(life);
        var length = _world.Time.Passed;
        await _world.ObserveAsync();
        await _world.PassAsync(120);
        _world.Store.All.Events.ShouldBeEmpty();

        _world.Store.IsFull = false;
        await _world.PassAsync(6);
        _world.Intervals().ShouldHaveSingleItem().Length.ShouldBe(length);
    }

    [Fact]
    public async Task A_server_that_lost_the_ledger_writes_nothing_more()
    {
        await _world.StartServerAsync();
        await _world.ReadyAsync();
        (await _world.LoseLedgerAsync()).ShouldHaveSingleItem();
        var all = _world.Store.All;
        await _world.PassAsync(30);
        await _world.ReadyAsync();
        _world.Store.All.Events.ShouldBe(all.Events);
        _world.Store.All.Proofs.ShouldBe(all.Proofs);
    }

    [Fact]
    public async Task A_reservation_that_begins_and_ends_divides_the_time_and_loses_none()
    {
        await _world.StartServerAsync();
        var life = await _world.ReadyAsync(accelerators: 2);
        await _world.PassAsync(12);
        _world.Reserved.Add(life.Spec.Id);
        await _world.ObserveAsync();
        var begun = _world.Time.Passed;
        await _world.PassAsync(25);
        _world.Reserved.Clear();
        await _world.ObserveAsync();
        var ended = _world.Time.Passed;
        await _world.PassAsync(8);
        var end = _world.Time.Passed;
        _world.Die(life);
        await _world.ObserveAsync();

        _world.Intervals().Select(interval => (interval.What.Reserved, interval.Length))
            .ShouldBe([(false, begun), (true, ended - begun), (false, end - ended)]);
        var totals = new UsageTotals(_world.Store);
        await totals.RefreshAsync(Cancellation);
        totals.Of(MeteringWorld.Name(0), LedgerEvents.Noon).ShouldBe(new(end, end * 2, (ended - begun) * 2));
    }

    [Fact]
    public async Task The_totals_follow_the_ledger()
    {
        await _world.StartServerAsync();
        var totals = new UsageTotals(_world.Store);
        await totals.RefreshAsync(Cancellation);
        totals.Of(MeteringWorld.Name(0), LedgerEvents.Noon).ShouldBe(UsageSoFar.Nothing);

        var life = await _world.ReadyAsync(accelerators: 3);
        await _world.PassAsync(20);
        await _world.BeatAsync();
        await totals.RefreshAsync(Cancellation);
        var sofar = life.ProvedAt!.Value;
        totals.Of(MeteringWorld.Name(0), LedgerEvents.Noon).ShouldBe(new(sofar, sofar * 3, TimeSpan.Zero));
        totals.Of(MeteringWorld.Name(0), LedgerEvents.Noon.AddDays(1)).ShouldBe(UsageSoFar.Nothing); // a later one of that name

        _world.Die(life);
        await _world.ObserveAsync();
        await totals.RefreshAsync(Cancellation);
        totals.Of(MeteringWorld.Name(0), LedgerEvents.Noon).AcceleratorTime.ShouldBe(_world.Intervals().Single().AcceleratorTime);
    }
}
