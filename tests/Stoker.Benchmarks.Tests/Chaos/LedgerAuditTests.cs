using Stoker.Api.Names;
using Stoker.Benchmarks.Chaos;
using Stoker.ControlPlane.Runtimes;
using Stoker.ControlPlane.Storage;

namespace Stoker.Benchmarks.Tests.Chaos;

/// <summary>Each way in which a ledger can be wrong is found. Seconds since an arbitrary instant of one boot.</summary>
public class LedgerAuditTests
{
    private static readonly DateTimeOffset Noon = new(2030, 1, 1, 12, 0, 0, TimeSpan.Zero);
    private static readonly ReplicaId Replica = ReplicaId.Parse("abcdefghijkl");

    private static readonly MeteredReplica What =
        new(DeploymentName.Parse("accounts/default/deployments/d"), Noon, "CPU", 1, "LOCAL", Reserved: false);

    private readonly Findings _findings = new();

    /// <summary>Not ready at 9, ready at 10, alive at 100, gone at 101.</summary>
    private static ReplicaLife Life => new(Replica.ToString(), "d", 256, ["LOCAL/CPU/0"])
    {
        NotReadyAt = Ticks(9),
        ReadyAt = Ticks(10),
        AliveAt = Ticks(100),
        GoneAt = Ticks(101),
        State = "READY",
    };

    [Fact]
    public void A_ledger_that_says_what_was_seen_has_no_error()
    {
        var audit = Audit(Life, Ready(10), Ended(100));
        audit.BeyondBound.ShouldBe(TimeSpan.Zero);
        (audit.MostMissing, audit.MostAdded).ShouldBe((TimeSpan.Zero, TimeSpan.Zero));
        _findings.All.ShouldBeEmpty();
    }

    [Theory]
    [InlineData(10, 90, 0)] // the heartbeat
    [InlineData(10, 89, 1)]
    [InlineData(21, 100, 1)] // ready and known to the server, and paid for too late
    [InlineData(16, 94, 2)]
    public void What_is_missing_beyond_the_heartbeat_is_found(int from, int to, int beyond)
    {
        var audit = Audit(Life, Ready(from), Ended(to));
        audit.MostMissing.ShouldBe(TimeSpan.FromSeconds(10 + beyond));
        audit.BeyondBound.ShouldBe(TimeSpan.FromSeconds(beyond));
        _findings.Count(Violation.Ledger).ShouldBe(beyond > 0 ? 1 : 0);
    }

    [Fact]
    public void What_is_added_beyond_the_heartbeat_is_found()
    {
        var audit = Audit(Life, Ready(10), Ended(112));
        (audit.MostAdded, audit.BeyondBound).ShouldBe((TimeSpan.FromSeconds(11), TimeSpan.FromSeconds(1)));
        _findings.Count(Violation.Ledger).ShouldBe(1);
    }

    [Fact]
    public void Before_a_server_looked_nothing_is_missing()
    {
        var audit = Audit([Life], [new(0, Ticks(5)), new(Ticks(49), Ticks(200))], Ready(50), Ended(100));
        audit.MostMissing.ShouldBe(TimeSpan.FromSeconds(1));
        _findings.All.ShouldBeEmpty();
    }

    [Fact]
    public void A_ready_replica_without_an_interval_is_found()
    {
        Audit(Life).BeyondBound.ShouldBe(TimeSpan.FromSeconds(80));
        _findings.Count(Violation.Ledger).ShouldBe(1);
    }

    [Fact]
    public void An_interval_of_a_replica_that_nobody_saw_ready_is_found()
    {
        Audit(Life with { ReadyAt = null, State = "LOADING" }, Ready(10), Ended(100)).Glimpsed.ShouldBe(0);
        _findings.All.ShouldContain(found => found.Message.Contains("nobody saw it ready"));
    }

    [Fact]
    public void One_that_drained_before_it_was_ready_is_not_paid_for()
    {
        Audit(Life with { ReadyAt = null, State = "DRAINING" }, Ready(10), Ended(100));
        _findings.All.ShouldContain(found => found.Message.Contains("nobody saw it ready"));
    }

    /// <summary>Killed, or told to end, before the next look.</summary>
    [Fact]
    public void One_that_was_ready_between_two_looks_alone_is_paid_for_by_its_own_word()
    {
        Audit(Life with { ReadyAt = null, WroteReady = true, State = "LOADING" }, Ready(10), Ended(100)).Glimpsed.ShouldBe(1);
        _findings.All.ShouldBeEmpty();
    }

    [Fact]
    public void An_interval_that_begins_before_its_replica_is_ready_is_found_however_short_the_time()
    {
        Audit(Life with { NotReadyAt = Ticks(10) }, Ready(10), Ended(100));
        _findings.All.ShouldBeEmpty();
        Audit(Life with { NotReadyAt = Ticks(10) + 1, WroteReady = true }, Ready(10), Ended(100));
        _findings.All.ShouldHaveSingleItem().Message.ShouldContain("it was not ready 0.000 s later");
    }

    [Fact]
    public void An_interval_of_a_replica_that_nobody_saw_at_all_is_found()
    {
        Audit([], [new(0, Ticks(200))], Ready(10), Ended(100));
        _findings.All.ShouldHaveSingleItem().Message.ShouldContain("nobody saw it at all");
    }

    [Fact]
    public void An_interval_that_is_left_open_is_found()
    {
        Audit(Life, Ready(10));
        _findings.All.ShouldContain(found => found.Message.Contains("open"));
    }

    [Fact]
    public void A_ledger_that_contradicts_itself_is_found()
    {
        Audit(Life, Ready(10), Ended(100), Ended(101) with { Ordinal = 2 });
        _findings.All.ShouldContain(found => found.Message.Contains("after ENDED"));
    }

    private LedgerAudit Audit(ReplicaLife life, params LedgerEvent[] events) => Audit([life], [new(0, Ticks(200))], events);

    private LedgerAudit Audit(ReplicaLife[] lives, ServerPeriod[] periods, params LedgerEvent[] events) =>
        LedgerAudit.Of(new(events, [], LedgerPlace.Start), lives, periods, _findings);

    private static LedgerEvent Ready(int at) => Event(0, LedgerEventKind.Ready, at);

    private static LedgerEvent Ended(int at) => Event(1, LedgerEventKind.Ended, at);

    private static LedgerEvent Event(int ordinal, LedgerEventKind kind, int at) =>
        new(Replica, ordinal, kind, new("boot", Ticks(at), Noon.AddSeconds(at)), TimeSpan.FromSeconds(5), "run", What);

    private static long Ticks(int seconds) => seconds * TimeSpan.TicksPerSecond;
}
