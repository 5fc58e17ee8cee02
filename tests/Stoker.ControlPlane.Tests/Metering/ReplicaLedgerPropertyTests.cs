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
    private const int Histories = 25;
    private const int Transitions = 400; // of each history: 10,000 in all

    [Fact]
    public void The_ledger_is_exact_over_ten_thousand_random_transitions() => Prop.ForAll(History().ToArbitrary(), history =>
    {
        var book = new Book();
        foreach (var transition in history) Done(book.DoAsync(transition));
        Done(book.ComeToRestAsync());
        return book.CheckAtRest();
    }).Check(Config.QuickThrowOnFailure.WithMaxTest(Histories));

    [Fact]
    public void The_check_at_rest_sees_a_second_too_much()
    {
        var book = new Book();
        foreach (var kind in (Kind[])[Kind.StartServer, Kind.StartReplica, Kind.BecomeReady, Kind.Observe, Kind.Pass]) Done(book.DoAsync(new(kind, 0, 30)));
        Done(book.ComeToRestAsync());
        book.CheckAtRest().ShouldBeTrue();
        book.ForgetASecond();
        Should.Throw<ShouldAssertException>(() => book.CheckAtRest());
    }

    private static Gen<Transition[]> History() => Gen.ArrayOf(
        from kind in Gen.Elements(Enum.GetValues<Kind>())
        from index in Gen.Choose(0, 9)
        from number in Gen.Choose(0, 40)
        select new Transition(kind, index, number), Transitions);

    /// <summary>Nothing here waits for anything: memory answers at once.</summary>
    private static void Done(Task task)
    {
        task.IsCompleted.ShouldBeTrue();
        task.GetAwaiter().GetResult();
    }

    private enum Kind
    {
        StartServer,
        KillServer,
        Reboot,
        StartReplica,
        BecomeReady,
        BecomeReadyAndLook,
        Drain,
        Die,
        Hang,
        Recover,
        Observe,
        ObserveAgain,
        Beat,
        Pass,
        PassAgain,
        PassLong,
        StepAhead,
        StepBack,
        Reserve,
        CrashBeforeWrite,
        CrashAfterWrite,
        FillDisk,
        MakeRoom,
        ReadTotals,
    }

    private sealed record Transition(Kind Kind, int Index, int Number);

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
                case Kind.StartServer:
                    await _world.StartServerAsync();
                    break;
                case Kind.KillServer when number % 4 == 0:
                    _world.KillServer();
                    break;
                case Kind.Reboot when number % 4 == 0:
                    Reboot();
                    break;
                case Kind.StartReplica when _world.HasServer && _world.Lives.Count < 12:
                    _world.Start(transition.Index % Deployments, accelerators: 1 + number % 4);
                    break;
                case Kind.BecomeReady or Kind.BecomeReadyAndLook when life is { Phase: ReplicaPhase.Loading }:
                    life.Phase = ReplicaPhase.Ready;
                    _world.Ask(life);
                    if (kind == Kind.BecomeReadyAndLook) await _world.ObserveAsync(transition.Index % Deployments);
                    break;
                case Kind.Drain when life is { Phase: ReplicaPhase.Ready }:
                    life.Phase = ReplicaPhase.Draining;
                    break;
                case Kind.Die when life is not null:
                    _world.Die(life);
                    break;
                case Kind.Hang or Kind.Recover when life is not null:
                    if (life.IsHung && kind == Kind.Recover) life.RecoveredAt = _world.Time.Passed;
                    life.IsHung = kind == Kind.Hang;
                    break;
                case Kind.Observe or Kind.ObserveAgain:
                    await _world.ObserveAsync(transition.Index % Deployments);
                    break;
                case Kind.Beat when _world.HasServer:
                    await _world.BeatAsync();
                    break;
                case Kind.Pass or Kind.PassAgain:
                    await _world.PassAsync(TimeSpan.FromSeconds(number) / 3);
                    break;
                case Kind.PassLong when number % 8 == 0:
                    await _world.PassAsync(TimeSpan.FromMinutes(number));
                    break;
                case Kind.StepAhead or Kind.StepBack:
                    _world.Time.Step(TimeSpan.FromHours(kind == Kind.StepAhead ? 1 : -1));
                    break;
                case Kind.Reserve when life is not null:
                    if (!_world.Reserved.Add(life.Spec.Id)) _world.Reserved.Remove(life.Spec.Id);
                    break;
                case Kind.CrashBeforeWrite or Kind.CrashAfterWrite when _world.HasServer:
                    _world.Store.Fault = kind == Kind.CrashBeforeWrite ? WriteFault.CrashBefore : WriteFault.CrashAfter;
                    break;
                case Kind.FillDisk when number % 4 == 0:
                    _world.Store.IsFull = _wasFull = true;
                    break;
                case Kind.MakeRoom:
                    _world.Store.IsFull = false;
                    break;
                case Kind.ReadTotals:
                    await _totals.RefreshAsync(default);
                    break;
            }
        }

        public async Task ComeToRestAsync()
        {
            (_world.Store.IsFull, _world.Store.Fault) = (false, WriteFault.None);
            if (!_world.HasServer) await DoAsync(new(Kind.StartServer, 0, 0));
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

        /// <summary>A machine's restart ends everything on it; what the wall says meanwhile is anybody's guess.</summary>
        private void Reboot()
        {
            _world.KillServer();
            foreach (var life in _world.Lives) _world.Die(life);
            _world.Time.Advance(TimeSpan.FromSeconds(95.5));
            _world.Time.Reboot();
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
            account.To = life.AnsweredAt is { } answered && answered > proven ? answered : proven;
            if (_wasFull || life.ProvedAt is not { } lived || lived < account.From) return;
            // The bound is one on writing what was heard: of a silence there was nothing to write until it was over.
            if (life.RecoveredAt > account.To) return;
            (lived - account.To.Value).ShouldBeInRange(TimeSpan.Zero, LedgerRule.Heartbeat, "more than the stated bound was lost");
        }

        private sealed class Account
        {
            public TimeSpan From { get; set; }

            public TimeSpan? To { get; set; }
        }
    }
}
