using Stoker.ControlPlane.Autoscaling;
using Stoker.Simulation.Policies;

namespace Stoker.Simulation.Tests.Policies;

public class KnativePolicyTests
{
    private long _second;

    [Fact]
    public void It_follows_the_mean_of_a_minute()
    {
        var policy = new KnativePolicy(1, 100);
        Observe(policy, load: 7, seconds: 60);
        Decide(policy, desired: 1, ready: 1).ShouldBe(1); // 7 of 10 places
        Observe(policy, load: 15, seconds: 60);
        Decide(policy, desired: 2, ready: 2).ShouldBe(3);
        Observe(policy, load: 0, seconds: 30);
        Decide(policy, desired: 3, ready: 3).ShouldBe(2); // 7.5 on average
    }

    [Fact]
    public void In_a_panic_it_follows_six_seconds_and_does_not_go_down_for_a_minute()
    {
        var policy = new KnativePolicy(1, 100);
        Observe(policy, load: 7, seconds: 60);
        Observe(policy, load: 70, seconds: 6);
        Decide(policy, desired: 1, ready: 1).ShouldBe(10);
        Observe(policy, load: 0, seconds: 30);
        Decide(policy, desired: 10, ready: 10).ShouldBe(10);
        Observe(policy, load: 0, seconds: 30);
        Decide(policy, desired: 10, ready: 10).ShouldBe(5); // never more than halved
    }

    [Fact]
    public void A_request_at_zero_wakes_it_and_a_minute_of_nothing_takes_it_back()
    {
        var policy = new KnativePolicy(0, 100);
        Observe(policy, load: 0, seconds: 60);
        policy.Decide(new(DateTimeOffset.UnixEpoch, Desired: 0, Ready: 0, Starting: 0, Queued: 1, Running: 0, Slots: 10)).ShouldBe(1);
        Observe(policy, load: 1, seconds: 10);
        Decide(policy, desired: 1, ready: 1).ShouldBe(1);
        Observe(policy, load: 0, seconds: 59);
        Decide(policy, desired: 1, ready: 1).ShouldBe(1);
        Observe(policy, load: 0, seconds: 1);
        Decide(policy, desired: 1, ready: 1).ShouldBe(0);
    }

    private void Observe(KnativePolicy policy, int load, int seconds)
    {
        for (var count = 0; count < seconds; count++) policy.Observe(_second++, LoadBucket.Steady(load));
    }

    private static int Decide(KnativePolicy policy, int desired, int ready) =>
        policy.Decide(new(DateTimeOffset.UnixEpoch, desired, ready, Starting: 0, Queued: 0, Running: 0, Slots: 10));
}
