using Stoker.Engine.Kernels;
using Stoker.Engine.Native;

namespace Stoker.Engine.Tests.Kernels;

public sealed class TeamPlanTests
{
    private static readonly ProcessorAllowance Four = new([2, 3, 6, 7], Quota: null);

    [Theory]
    [InlineData(ThreadPinning.Off, 4, null)]
    [InlineData(ThreadPinning.Off, 2, null)]
    [InlineData(ThreadPinning.Auto, 0, new[] { 2, 3, 6, 7 })] // as many as cores: they were given to us
    [InlineData(ThreadPinning.Auto, 4, new[] { 2, 3, 6, 7 })]
    [InlineData(ThreadPinning.Auto, 3, null)] // the others' choice of cores is the system's
    [InlineData(ThreadPinning.Auto, 5, null)]
    [InlineData(ThreadPinning.On, 3, new[] { 2, 3, 6 })]
    [InlineData(ThreadPinning.On, 0, new[] { 2, 3, 6, 7 })]
    public void Threads_are_bound_to_cores_of_the_mask_alone(ThreadPinning pinning, int threads, int[]? cores)
    {
        var plan = TeamPlan.For(threads, pinning, Four, refusal: null);
        plan.Threads.ShouldBe(threads == 0 ? 4 : threads);
        plan.Cores.ShouldBe(cores);
    }

    [Fact]
    public void A_quota_makes_the_team_smaller_than_the_mask_and_leaves_it_unbound()
    {
        var plan = TeamPlan.For(0, ThreadPinning.Auto, Four with { Quota = 2.5 }, refusal: null);
        (plan.Threads, plan.Cores).ShouldBe((2, null));
    }

    [Theory]
    [InlineData(4, null, false)]
    [InlineData(5, null, true)]
    [InlineData(2, 2.5, false)]
    [InlineData(3, 2.5, true)] // fewer than the cores, more than the quota keeps busy
    public void More_threads_than_the_process_can_keep_busy_are_taken_with_a_warning(int threads, double? quota, bool warns)
    {
        var allowance = Four with { Quota = quota };
        var plan = TeamPlan.For(threads, ThreadPinning.Off, allowance, refusal: null);
        plan.Threads.ShouldBe(threads);
        var warning = EngineParts.TooMany(plan, allowance);
        if (warns) warning.ShouldNotBeNull().ShouldContain($"{threads} threads take turns");
        else warning.ShouldBeNull();
    }

    [Fact]
    public void More_threads_than_cores_cannot_be_bound() =>
        Should.Throw<ArgumentException>(() => TeamPlan.For(5, ThreadPinning.On, Four, refusal: null)).Message
            .ShouldStartWith("PinThreads cannot be on for 5 threads: the process may run on 4 cores. Use at most 4 threads or turn it off.");

    [Fact]
    public void A_system_that_refuses_is_an_error_only_where_binding_was_asked_for()
    {
        TeamPlan.For(4, ThreadPinning.Auto, Four, "Operation not permitted").Cores.ShouldBeNull();
        TeamPlan.For(4, ThreadPinning.Off, Four, "Operation not permitted").Cores.ShouldBeNull();
        Should.Throw<ArgumentException>(() => TeamPlan.For(4, ThreadPinning.On, Four, "Operation not permitted")).Message
            .ShouldStartWith("PinThreads cannot be on: Operation not permitted. Turn it off.");
    }
}
