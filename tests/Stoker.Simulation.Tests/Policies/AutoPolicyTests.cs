using Stoker.ControlPlane.Autoscaling;
using Stoker.Simulation.Fleet;
using Stoker.Simulation.Policies;
using Stoker.Simulation.Traces;

namespace Stoker.Simulation.Tests.Policies;

public class AutoPolicyTests
{
    private readonly AutoPolicy _policy = new(1, 100);
    private long _second;

    [Fact]
    public void A_spike_of_a_second_needs_nobody_and_a_jump_is_followed_at_once()
    {
        Observe(load: 10, seconds: 60);
        Observe(load: 16, seconds: 1); // a mean of 11 over six seconds
        Decide(desired: 1).ShouldBe(1);
        Observe(load: 10, seconds: 60);
        Observe(load: 50, seconds: 10);
        Decide(desired: 1).ShouldBe(5);
    }

    [Fact]
    public void Less_than_a_jump_has_to_last()
    {
        Observe(load: 95, seconds: 60);
        Observe(load: 105, seconds: 30);
        Decide(desired: 10).ShouldBe(10); // the first of the thirty means still has seconds of before
        Observe(load: 105, seconds: 5);
        Decide(desired: 10).ShouldBe(11);
    }

    [Theory]
    [InlineData(100, 305)] // a peak of less than three times the average is forgotten after five minutes
    [InlineData(20, 905)] // one that stands out, after fifteen
    public void A_burst_is_remembered_longer_than_a_wave(int usual, int forgottenAfter)
    {
        Observe(usual, seconds: 1000);
        Observe(load: 200, seconds: 30);
        Observe(usual, seconds: forgottenAfter - 10);
        Decide(desired: 20).ShouldBe(20);
        Observe(usual, seconds: 10);
        Decide(desired: 20).ShouldBe(usual / 10);
    }

    [Fact]
    public void Too_little_seen_takes_nothing_away()
    {
        Observe(load: 0, seconds: 299);
        Decide(desired: 5).ShouldBe(5);
        Observe(load: 0, seconds: 1);
        Decide(desired: 5).ShouldBe(1);
    }

    [Fact]
    public void On_the_conversation_trace_it_waits_no_longer_and_costs_less_than_the_windows()
    {
        var trace = TraceSource.Open("azure-conv", client: null, seed: 1).Value.Copied(5, TimeSpan.FromSeconds(2), seed: 1);
        var auto = FleetSimulation.Run(trace, new(), new AutoPolicy(1, 400));
        var windows = FleetSimulation.Run(trace, new(), new ServerPolicy(ServerPolicyTests.Settings(1, 400)));
        auto.LongWaitShare.ShouldBeLessThanOrEqualTo(Math.Min(0.001, windows.LongWaitShare));
        auto.ReplicaHours.ShouldBeLessThan(Math.Min(15.6, windows.ReplicaHours));
        auto.Turns.ShouldBeLessThanOrEqualTo(4);
    }

    private void Observe(int load, int seconds)
    {
        for (var count = 0; count < seconds; count++) _policy.Observe(_second++, LoadBucket.Steady(load));
    }

    private int Decide(int desired) =>
        _policy.Decide(new(DateTimeOffset.UnixEpoch, desired, desired, Starting: 0, Queued: 0, Running: 0, Slots: 10));
}
