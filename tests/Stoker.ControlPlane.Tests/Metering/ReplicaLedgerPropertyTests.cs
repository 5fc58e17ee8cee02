using FsCheck;
using FsCheck.Fluent;
using Stoker.ControlPlane.Metering;
using Stoker.ControlPlane.Runtimes;
using Stoker.ControlPlane.Storage;

namespace Stoker.ControlPlane.Tests.Metering;

/// <summary>
/// Whatever dies, reboots, fills up or is stepped, and wherever the server is killed: the ledger has the seconds that
/// really passed, to the tick, as a clock has them that none of this touches.
/// </summary>
public class ReplicaLedgerPropertyTests
{
    private const int Histories = 250;
    private const int Transitions = 400; // of each history: 100,000 in all

    [Fact]
    public void The_ledger_is_exact_over_a_hundred_thousand_random_transitions() =>
        Prop.ForAll(Gen.Choose(0, int.MaxValue).ToArbitrary(), seed => Hold(seed)).Check(Config.QuickThrowOnFailure.WithMaxTest(Histories));

    /// <summary>Seeds that failed once, while the model had a time without a server as one in which it heard and did not write.</summary>
    [Theory]
    [InlineData(647426769)]
    [InlineData(1289030533)]
    [InlineData(1553552957)]
    public void The_ledger_is_exact_in_the_history_of(int seed) => Hold(seed);

    [Fact]
    public void A_server_that_hears_once_and_dies_with_the_machine_loses_what_it_heard_and_no_more() => Hold(
    [
        new(TransitionKind.StartServer),
        new(TransitionKind.StartReplica, 2),
        new(TransitionKind.Hang),
        new(TransitionKind.BecomeReadyAndLook),
        new(TransitionKind.Recover),
        new(TransitionKind.CrashAfterWrite), // READY is written, and nobody knows
        new(TransitionKind.Pass, 0, 38), // 12 s, most of them without a server
        new(TransitionKind.StartServer),
        new(TransitionKind.CrashBeforeWrite), // it hears of the replica, and what it heard is not written
        new(TransitionKind.Pass, 0, 18),
        new(TransitionKind.Reboot),
    ]);

    [Fact]
    public void A_failure_tells_its_seed_how_to_replay_it_and_a_history_that_can_be_read()
    {
        var told = LedgerHistory.Explain(7, Transitions, part => part.Count(transition => transition.Kind == TransitionKind.Reboot) < 2 ? null : new CrashException());
        told.ShouldNotBeNull().ShouldContain("[InlineData(7)]");
        told.Split("new(TransitionKind.").Length.ShouldBe(3);
        LedgerHistory.Explain(7, Transitions, _ => null).ShouldBeNull();
    }

    [Fact]
    public void The_check_at_rest_sees_a_second_too_much()
    {
        var book = new Book();
        TransitionKind[] kinds = [TransitionKind.StartServer, TransitionKind.StartReplica, TransitionKind.BecomeReady, TransitionKind.Observe, TransitionKind.Pass];
        foreach (var kind in kinds) Done(book.DoAsync(new(kind, 0, 30)));
        Done(book.ComeToRestAsync());
        book.CheckAtRest().ShouldBeTrue();
        book.ForgetASecond();
        Should.Throw<ShouldAssertException>(() => book.CheckAtRest());
    }

    private static void Hold(int seed)
    {
        if (LedgerHistory.Explain(seed, Transitions, history => Record.Exception(() => Hold(history))) is { } failure) Assert.Fail(failure);
    }

    private static void Hold(IReadOnlyList<Transition> history)
    {
        var book = new Book();
        foreach (var transition in history) Done(book.DoAsync(transition));
        Done(book.ComeToRestAsync());
        book.CheckAtRest();
    }

    /// <summary>Nothing here waits for anything: memory answers at once.</summary>
    private static void Done(Task task)
    {
        task.IsCompleted.ShouldBeTrue();
        task.GetAwaiter().GetResult();
    }

    /// <summary>The same lives, by the time that really passed.</summary>
    private sealed class Book
    {
        private const int Deployments = 3;

        private readonly MeteringWorld _world = new();
        private readonly UsageTotals _totals;
        private readonly Dictionary<ReplicaId, Account> _accounts = [];
        private bool _wasFull;

        public Book()
        {
            _totals = new(_world.Store);
            _world.Store.Written = Note;
        }

        public async Task DoAsync(Transition transition)
        {
            var (kind, number) = (transition.Kind, transition.Number);
            var life = _world.Lives.Count == 0 ? null : _world.Lives[transition.Index % _world.Lives.Count];
            switch (kind)
            {
                case TransitionKind.StartServer:
                    await _world.StartServerAsync();
                    break;
                case TransitionKind.KillServer when number % 4 == 0:
                    _world.KillServer();
                    break;
                case TransitionKind.Reboot when number % 4 == 0:
                    _world.Reboot();
                    break;
                case TransitionKind.StartReplica when _world.HasServer && _world.Lives.Count < 12:
                    _world.Start(transition.Index % Deployments, accelerators: 1 + number % 4);
                    break;
                case TransitionKind.BecomeReady or TransitionKind.BecomeReadyAndLook when life is { Phase: ReplicaPhase.Loading }:
                    life.Phase = ReplicaPhase.Ready;
                    _world.Ask(life);
                    if (kind == TransitionKind.BecomeReadyAndLook) await _world.ObserveAsync(transition.Index % Deployments);
                    break;
                case TransitionKind.Drain when life is { Phase: ReplicaPhase.Ready }:
                    life.Phase = ReplicaPhase.Draining;
                    break;
                case TransitionKind.Die when life is not null:
                    _world.Die(life);
                    break;
                case TransitionKind.Hang or TransitionKind.Recover when life is not null:
                    life.IsHung = kind == TransitionKind.Hang;
                    life.WasHung |= life.IsHung;
                    break;
                case TransitionKind.Observe or TransitionKind.ObserveAgain:
                    await _world.ObserveAsync(transition.Index % Deployments);
                    break;
                case TransitionKind.Beat when _world.HasServer:
                    await _world.BeatAsync();
                    break;
                case TransitionKind.Pass or TransitionKind.PassAgain:
                    await _world.PassAsync(TimeSpan.FromSeconds(number) / 3);
                    break;
                case TransitionKind.PassLong when number % 8 == 0:
                    await _world.PassAsync(TimeSpan.FromMinutes(number));
                    break;
                case TransitionKind.StepAhead or TransitionKind.StepBack:
                    _world.Time.Step(TimeSpan.FromHours(kind == TransitionKind.StepAhead ? 1 : -1));
                    break;
                case TransitionKind.Reserve when life is not null:
                    if (!_world.Reserved.Add(life.Spec.Id)) _world.Reserved.Remove(life.Spec.Id);
                    break;
                case TransitionKind.CrashBeforeWrite or TransitionKind.CrashAfterWrite when _world.HasServer:
                    _world.Store.Fault = kind == TransitionKind.CrashBeforeWrite ? WriteFault.CrashBefore : WriteFault.CrashAfter;
                    break;
                case TransitionKind.FillDisk when number % 4 == 0:
                    _world.Store.IsFull = _wasFull = true;
                    break;
                case TransitionKind.MakeRoom:
                    _world.Store.IsFull = false;
                    break;
                case TransitionKind.ReadTotals:
                    await _totals.RefreshAsync(default);
                    break;
            }
        }

        public async Task ComeToRestAsync()
        {
            (_world.Store.IsFull, _world.Store.Fault) = (false, WriteFault.None);
            if (!_world.HasServer) await DoAsync(new(TransitionKind.StartServer, 0, 0));
            foreach (var life in _world.Lives)
            {
                life.IsHung = false;
                _world.Ask(life);
            }

            for (var deployment = 0; deployment < Deployments; deployment++) await _world.ObserveAsync(deployment);
            await _world.BeatAsync();
            await _totals.RefreshAsync(default);
        }

        public void ForgetASecond() => _accounts.Values.First().From += TimeSpan.FromSeconds(1);

        public bool CheckAtRest()
        {
            var ledger = _world.Store.All;
            var intervals = ReplicaInterval.From(ledger);
            intervals.Select(interval => interval.Replica).Distinct().ShouldBe(_accounts.Keys, ignoreOrder: true);
            foreach (var life in intervals.GroupBy(interval => interval.Replica))
            {
                var account = _accounts[life.Key];
                var end = account.To ?? _world.Find(life.Key).ProvedAt!.Value;
                life.Count(interval => interval.IsOpen).ShouldBe(account.To is null ? 1 : 0);
                life.Sum(interval => interval.Length.Ticks).ShouldBe((end - account.From).Ticks, life.Key.ToString());
            }

            DayUsage.Of(intervals).Sum(day => day.AcceleratorTime.Ticks).ShouldBe(intervals.Sum(interval => interval.AcceleratorTime.Ticks));
            for (var deployment = 0; deployment < Deployments; deployment++)
            {
                var name = MeteringWorld.Name(deployment);
                _totals.Of(name, LedgerEvents.Noon).AcceleratorTime.Ticks.ShouldBe(
                    intervals.Where(interval => interval.What.Deployment == name).Sum(interval => interval.AcceleratorTime.Ticks));
            }

            LedgerCheck.Verify(ledger).Where(finding => !finding.IsLate).ShouldBeEmpty();
            return true;
        }

        /// <summary>Something is durable now: what is true of it, by the time that really passed?</summary>
        private void Note(LedgerEvent written)
        {
            var id = written.Replica;
            if (written.Kind == LedgerEventKind.Ready)
            {
                _accounts[id] = new() { From = _world.Find(id).SeenReadyAt!.Value };
                return;
            }

            if (written.Kind != LedgerEventKind.Ended) return;
            var (life, account) = (_world.Find(id), _accounts[id]);
            var proven = _world.Store.Proofs.TryGetValue(id, out var proof) ? _world.Time.PassedAt(proof.At) : account.From;
            account.To = Later(proven, life.AnsweredAt ?? life.SignedAt);
            if (_wasFull || life.ProvedAt is not { } lived || lived < account.From) return;
            var lost = Later(lived, life.SignedAt) - account.To.Value - Unheard(life, account.To.Value);
            lost.ShouldBeInRange(TimeSpan.Zero, LedgerRule.Heartbeat, "more than the stated bound was lost");
        }

        private static TimeSpan Later(TimeSpan one, TimeSpan? other) => other > one ? other.Value : one;

        /// <summary>
        /// The bound is one on writing what was heard: of a silence there was nothing to write until it was over. A time
        /// without a server is one only where the machine's restart took what the replica had written down itself.
        /// </summary>
        private static TimeSpan Unheard(Life life, TimeSpan since) => life.Silences
            .Where(silence => silence.To > since && (silence.Hung || life.SignedAt is null))
            .Aggregate(TimeSpan.Zero, (sum, silence) => sum + silence.To - Later(silence.From, since));

        private sealed class Account
        {
            public TimeSpan From { get; set; }

            public TimeSpan? To { get; set; }
        }
    }
}
