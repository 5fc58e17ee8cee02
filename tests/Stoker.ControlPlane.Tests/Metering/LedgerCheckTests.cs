using Stoker.ControlPlane.Metering;
using Stoker.ControlPlane.Runtimes;
using Stoker.ControlPlane.Storage;

namespace Stoker.ControlPlane.Tests.Metering;

public class LedgerCheckTests
{
    private static readonly ReplicaId A = ReplicaId.Parse("aaaaaaaaaaaa");

    private static readonly LedgerEvent Ready = LedgerEvents.Event(A, 0, 0);
    private static readonly LedgerEvent Alive = LedgerEvents.Event(A, 1, 10);
    private static readonly LedgerEvent Resumed = LedgerEvents.Event(A, 2, 100) with { Kind = LedgerEventKind.Resumed, Run = "run-2" };
    private static readonly LedgerEvent Ended = LedgerEvents.Event(A, 3, 110) with { Kind = LedgerEventKind.Ended, Run = "run-2" };

    [Fact]
    public void A_sound_life_has_no_findings()
    {
        LedgerCheck.Verify(LedgerEvents.Reading(Ready, Alive, Resumed, Ended)).ShouldBeEmpty();
        LedgerCheck.Verify(LedgerEvents.Reading(Ready, Alive).With(Proof(12))).ShouldBeEmpty();
    }

    [Fact]
    public void What_is_missing_is_found()
    {
        Findings(Alive with { Ordinal = 0 }).ShouldContain("before READY");
        Findings(Ready, Resumed with { Ordinal = 2 }, Ended).ShouldContain("stands at place 1");
        Findings(Ready, Alive).ShouldContain("there is no proof of life");
    }

    [Fact]
    public void What_is_there_too_often_is_found()
    {
        Findings(Ready, Ready with { Ordinal = 1 }, Ended with { Ordinal = 2, Run = "run-1" }).ShouldContain("a second time");
        Findings(Ready, Alive, Resumed, Ended, Alive with { Ordinal = 4, Run = "run-2", At = LedgerEvents.At(120) }).ShouldContain("after ENDED");
        LedgerCheck.Verify(LedgerEvents.Reading(Ready, Alive, Resumed, Ended).With(Proof(120))).ShouldHaveSingleItem().Message.ShouldContain("after it");
        LedgerCheck.Verify(LedgerEvents.Reading().With(Proof(1))).ShouldHaveSingleItem().Message.ShouldContain("never READY");
    }

    [Fact]
    public void An_overlap_is_found()
    {
        Findings(Ready, Alive with { At = LedgerEvents.At(-1) }, Resumed, Ended).ShouldContain("they overlap");
        LedgerCheck.Verify(LedgerEvents.Reading(Ready, Alive).With(Proof(9))).ShouldHaveSingleItem().Message.ShouldContain("later than the proof");
    }

    [Fact]
    public void A_foreign_boot_is_found()
    {
        Findings(Ready, Alive with { At = LedgerEvents.At(10, "boot-2") }, Resumed with { At = LedgerEvents.At(100, "boot-2") }, Ended with { At = LedgerEvents.At(110, "boot-2") })
            .ShouldContain("of another boot");
        LedgerCheck.Verify(LedgerEvents.Reading(Ready).With(new LifeProof(A, LedgerEvents.At(5, "boot-2"), TimeSpan.Zero)))
            .ShouldHaveSingleItem().Message.ShouldContain("two boots");
    }

    [Fact]
    public void A_foreign_run_of_the_server_is_found()
    {
        Findings(Ready, Alive with { Run = "run-2" }, Resumed with { Run = "run-3" }, Ended with { Run = "run-3" }).ShouldContain("wrong run");
        Findings(Ready, Alive, Resumed with { Run = "run-1" }, Ended with { Run = "run-1" }).ShouldContain("wrong run");
        Findings(Ready, Resumed with { Ordinal = 1 }, Resumed with { Run = "run-1", At = LedgerEvents.At(105) }, Ended with { Run = "run-1" }).ShouldContain("another one had followed");
    }

    [Fact]
    public void Another_owner_or_size_is_found()
    {
        Findings(Ready, Alive with { What = LedgerEvents.What("other") }, Resumed with { What = LedgerEvents.What("other") }, Ended with { What = LedgerEvents.What("other") })
            .ShouldContain("another owner");
        Findings(Ready, Alive with { What = LedgerEvents.What(accelerators: 2) }, Resumed, Ended).ShouldContain("other accelerators");
    }

    [Theory]
    [InlineData(10, false)]
    [InlineData(10.1, true)]
    public void Proofs_that_came_later_than_the_heartbeat_are_told_and_are_no_contradiction(double gap, bool isFound)
    {
        var findings = LedgerCheck.Verify(LedgerEvents.Reading(Ready, Alive with { LongestGap = TimeSpan.FromSeconds(gap) }, Resumed, Ended));
        findings.Count(finding => finding.IsLate).ShouldBe(isFound ? 1 : 0);
        LedgerCheck.Verify(LedgerEvents.Reading(Ready).With(Proof(50) with { LongestGap = TimeSpan.FromSeconds(gap) })).Count.ShouldBe(isFound ? 1 : 0);
    }

    private static string Findings(params LedgerEvent[] events)
    {
        var findings = LedgerCheck.Verify(LedgerEvents.Reading(events));
        findings.ShouldAllBe(finding => finding.Replica == A && !finding.IsLate);
        return string.Join("; ", findings.Select(finding => finding.Message));
    }

    private static LifeProof Proof(double second) => new(A, LedgerEvents.At(second), TimeSpan.Zero);
}
