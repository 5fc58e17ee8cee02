using Stoker.Api.Resources;
using Stoker.ControlPlane.Capacity;
using Stoker.ControlPlane.Deployments;

namespace Stoker.ControlPlane.Tests.Deployments;

public class IdleDeletionTests
{
    private static readonly DateTimeOffset Begun = new(2030, 1, 1, 12, 0, 0, TimeSpan.Zero);
    private static readonly DeploymentsOptions Options = new();

    [Theory]
    [InlineData(5.99, false, false)]
    [InlineData(6, true, false)] // a day before
    [InlineData(6.99, true, false)]
    [InlineData(7, true, true)]
    public void A_week_without_a_request_deletes_and_a_day_before_it_is_announced(double days, bool warns, bool deletes)
    {
        var deployment = New();
        if (days > 6) deployment = After(deployment, Decide(deployment, null, Begun.AddDays(6)));
        var verdict = Decide(deployment, null, Begun.AddDays(days));
        (verdict.Warning is not null, verdict.Delete).ShouldBe((warns, deletes));
    }

    [Fact]
    public void The_idle_time_counts_from_the_last_request()
    {
        Decide(New(), Begun.AddDays(3), Begun.AddDays(8)).Warning.ShouldBeNull();
        Decide(New(), Begun.AddDays(3), Begun.AddDays(9)).Warning.ShouldBe(new IdleWarning(Begun.AddDays(3), Begun.AddDays(9), Begun.AddDays(10)));
    }

    [Fact]
    public void A_request_after_the_warning_takes_it_back()
    {
        var warned = After(New(), Decide(New(), null, Begun.AddDays(6.5)));
        Decide(warned, Begun.AddDays(6.9), Begun.AddDays(7.1)).ShouldBe(IdleVerdict.Kept with { LookAgainAt = Begun.AddDays(12.9) });
    }

    [Fact]
    public void Nothing_is_deleted_without_a_day_of_warning_even_when_the_server_was_away()
    {
        var late = Decide(New(), null, Begun.AddDays(30));
        (late.Delete, late.Warning!.DeleteTime).ShouldBe((false, Begun.AddDays(31)));
        Decide(After(New(), late), null, Begun.AddDays(30.99)).Delete.ShouldBeFalse();
        Decide(After(New(), late), null, Begun.AddDays(31)).Delete.ShouldBeTrue();
    }

    [Fact]
    public void A_clock_that_was_years_ahead_leaves_no_warning_behind()
    {
        var wrong = After(New(), Decide(New(), null, Begun.AddYears(10)));
        var right = Decide(wrong, null, Begun.AddDays(6));
        right.Warning!.DeleteTime.ShouldBe(Begun.AddDays(7));
    }

    [Fact]
    public void A_clock_that_steps_back_an_hour_announces_nothing_twice()
    {
        var warned = After(New(), Decide(New(), null, Begun.AddDays(6.5)));
        Decide(warned, null, Begun.AddDays(6.5).AddMinutes(-59)).Warning.ShouldBe(warned.Status.IdleWarning);
    }

    [Fact]
    public void A_deployment_that_was_brought_back_has_its_week_again()
    {
        var back = New() with { UndeleteTime = Begun.AddDays(10) };
        Decide(back, null, Begun.AddDays(15.9)).Warning.ShouldBeNull();
        Decide(back, null, Begun.AddDays(16)).Warning.ShouldNotBeNull();
    }

    [Fact]
    public void One_that_always_runs_never_served_or_is_being_deleted_has_no_idle_clock()
    {
        var late = Begun.AddDays(100);
        Decide(New(min: 1), null, late).ShouldBe(IdleVerdict.Kept);
        Decide(New() with { Status = new() }, null, late).ShouldBe(IdleVerdict.Kept);
        Decide(New() with { Deletion = new(late, Hard: false) }, null, late).ShouldBe(IdleVerdict.Kept);
    }

    private static IdleVerdict Decide(Deployment deployment, DateTimeOffset? lastRequest, DateTimeOffset now) =>
        IdleDeletion.Decide(deployment, lastRequest, Options, now);

    private static Deployment After(Deployment deployment, IdleVerdict verdict) =>
        deployment with { Status = deployment.Status with { IdleWarning = verdict.Warning } };

    private static Deployment New(int min = 0)
    {
        var asked = new DeploymentResource { BaseModel = "accounts/fireworks/models/m", MinReplicaCount = min };
        return new(
            DeploymentWorld.Name("d"), DeploymentSpec.From(asked, AcceleratorType.Cpu).Value, new() { FirstReadyTime = Begun },
            Generation: 1, Revision: 1, ScaledTo: null, Deletion: null, CreatedBy: null, Begun, Begun);
    }
}
