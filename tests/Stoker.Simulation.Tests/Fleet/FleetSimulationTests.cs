using Stoker.Replica.Simulated;
using Stoker.Simulation.Fleet;
using Stoker.Simulation.Policies;
using Stoker.Simulation.Traces;

namespace Stoker.Simulation.Tests.Fleet;

/// <summary>Small traces whose outcome is computed by hand.</summary>
public class FleetSimulationTests
{
    // 10 tokens of prompt a second, 1 generated token a second: a request of (10, 3) has its first token after 1 s, its last after 3 s.
    private static readonly ReplicaModelOptions Replica = new()
    {
        BootTime = TimeSpan.FromSeconds(60),
        Slots = 1,
        PrefillTokensPerSecond = 10,
        DecodeTokensPerSecond = 1,
        PrefixCacheTokens = 0,
        EveryToken = false,
    };

    private static readonly SimulationSetup Setup = new() { Replica = Replica, WarmUp = TimeSpan.Zero, Tick = TimeSpan.FromSeconds(1) };

    [Fact]
    public void A_request_takes_what_its_lengths_cost_and_the_next_waits_for_its_place()
    {
        var result = Run(new ConstantFleet(1), 10, (0, 10, 3), (1, 10, 3), (1.5, 10, 1));
        // places at 0, 3 and 6
        result.Wait.ShouldBe(Times(mean: 6.5 / 3, p50: 2, p95: 4.5, p99: 4.5, longest: 4.5));
        result.FirstToken.ShouldBe(Times(mean: 9.5 / 3, p50: 3, p95: 5.5, p99: 5.5, longest: 5.5));
        result.LongWaits.ShouldBe(1); // 2 s is not above 2 s
        result.ReplicaHours.ShouldBe(10 / 3600.0, 1e-9);
        result.BusyShare.ShouldBe(0.7, 1e-9);
        (result.ColdStarts, result.Turns, result.Wakes, result.PeakReplicas).ShouldBe((0, 0, 0, 1));
    }

    [Fact]
    public void Every_place_of_a_replica_is_taken_before_anybody_waits()
    {
        var setup = Setup with { Replica = Replica with { Slots = 2, PrefillsAtOnce = 2 } };
        var result = FleetSimulation.Run(Trace(10, (0, 10, 3), (0, 10, 3), (0, 10, 3)), setup, new ConstantFleet(1));
        result.Wait.ShouldBe(Times(mean: 1, p50: 0, p95: 3, p99: 3, longest: 3));
    }

    [Fact]
    public void The_reference_replica_serves_for_the_time_of_its_formula()
    {
        // 0.05 s + 800 / 8000 + 0.03 s x 5 = 0.3 s; the second request waits for the first to end
        var setup = Setup with { Replica = SimulationSetup.ReferenceReplica with { Slots = 1, PrefillsAtOnce = 1 } };
        var result = FleetSimulation.Run(Trace(10, (0, 800, 5), (0, 800, 5)), setup, new ConstantFleet(1));
        result.Wait.Longest.ShouldBe(TimeSpan.FromSeconds(0.3), TimeSpan.FromTicks(10));
        setup.MeanLoad(Trace(10, (0, 800, 5))).ShouldBe(0.03, 1e-9);
    }

    [Fact]
    public void The_router_takes_the_replica_with_the_fewest_requests()
    {
        var setup = Setup with { Replica = Replica with { Slots = 2, PrefillsAtOnce = 1 } };
        // One prefill at a time: on one replica the second first token would come a second later.
        var result = FleetSimulation.Run(Trace(10, (0, 10, 3), (0, 10, 3)), setup, new ConstantFleet(2));
        result.FirstToken.Longest.ShouldBe(TimeSpan.FromSeconds(1));
    }

    [Fact]
    public void A_request_at_zero_is_held_over_one_cold_start_and_nothing_is_billed_for_it()
    {
        var result = FleetSimulation.Run(
            Trace(1000, (5, 10, 1), (6, 10, 1)), Setup with { StartReplicas = 0 }, Windows(min: 0, max: 1, toZeroSeconds: 300));
        (result.ColdStarts, result.Wakes, result.ColdRequests).ShouldBe((1, 1, 2));
        result.Wait.Longest.ShouldBe(TimeSpan.FromSeconds(60)); // held at 5, ready at 65
        result.Wait.Mean.ShouldBe(TimeSpan.FromSeconds(60));
        // ready at 65, the last answer at 67, 300 idle seconds
        result.ReplicaHours.ShouldBe((367 - 65) / 3600.0, 1e-9);
        result.StartingHours.ShouldBe(60 / 3600.0, 1e-9);
    }

    [Fact]
    public void What_starts_is_given_up_before_what_serves()
    {
        var policy = new ScriptedPolicy((0, 1), (2, 3), (4, 1));
        var result = Run(policy, 10, (0, 10, 9));
        (result.ColdStarts, result.PeakReplicas, result.Turns).ShouldBe((2, 1, 1));
        result.StartingHours.ShouldBe(2 * 2 / 3600.0, 1e-9);
        result.ReplicaHours.ShouldBe(10 / 3600.0, 1e-9);
    }

    [Fact]
    public void A_replica_that_is_to_stop_takes_nothing_new_and_ends_with_its_last_request()
    {
        // Both work until 5; one leaves the table at 2. What comes at 3 waits for the other one.
        var result = Run(new ScriptedPolicy((0, 2), (2, 1)), 20, (0, 10, 5), (0, 10, 5), (3, 10, 1));
        result.Wait.Longest.ShouldBe(TimeSpan.FromSeconds(2));
        result.ReplicaHours.ShouldBe((20 + 5) / 3600.0, 1e-9);
        result.AnsweredOnce.ShouldBe(3);
    }

    [Fact]
    public void The_idle_replica_goes_first()
    {
        var result = Run(new ScriptedPolicy((0, 2), (2, 1)), 20, (0, 10, 5));
        result.ReplicaHours.ShouldBe((20 + 2) / 3600.0, 1e-9);
    }

    [Fact]
    public void No_more_replicas_start_than_there_is_room_for_and_a_free_place_is_taken_at_once()
    {
        var setup = Setup with { Capacity = 2 };
        var result = FleetSimulation.Run(Trace(300, (0, 10, 1)), setup, new ScriptedPolicy((0, 1), (2, 5), (100, 1), (200, 2)));
        (result.ColdStarts, result.PeakReplicas).ShouldBe((2, 2));
        // the second is ready at 62 and leaves at 100, comes again at 200 and is ready at 260
        result.ReplicaHours.ShouldBe((300 + 38 + 40) / 3600.0, 1e-9);
    }

    [Theory]
    [InlineData(300, 1)]
    [InlineData(299, 0)]
    public void A_turn_is_a_change_of_direction_soon_after_the_change_before(int within, int expected)
    {
        var setup = Setup with { TurnWithin = TimeSpan.FromSeconds(within) };
        FleetSimulation.Run(Trace(1000, (0, 10, 1)), setup, new ScriptedPolicy((0, 1), (100, 2), (400, 1), (900, 2))).Turns.ShouldBe(expected);
    }

    [Fact]
    public void Waits_and_turns_of_the_warm_up_are_not_counted_and_its_cost_is()
    {
        var result = FleetSimulation.Run(
            Trace(1000, (0, 10, 3), (0, 10, 3), (600, 10, 3)), Setup with { WarmUp = TimeSpan.FromSeconds(300) }, new ScriptedPolicy((0, 1), (10, 2), (20, 1)));
        (result.Counted, result.LongWaits, result.Turns).ShouldBe((1, 0, 0));
        result.ReplicaHours.ShouldBe(1000 / 3600.0, 1e-9);
    }

    [Fact]
    public void The_policy_sees_the_load_of_every_second()
    {
        var policy = new ScriptedPolicy((0, 1));
        Run(policy, 6, (0.5, 10, 2), (1.2, 10, 1));
        policy.Buckets.Select(bucket => (bucket.Lowest, bucket.Highest, bucket.Requests))
            .ShouldBe([(0, 1, 1L), (1, 2, 1L), (1, 2, 0L), (0, 1, 0L), (0, 0, 0L), (0, 0, 0L)], "arrivals at 0.5 and 1.2, ends at 2.5 and 3.5");
        policy.Buckets.Sum(bucket => bucket.PromptTokens).ShouldBe(20);
        policy.Buckets.Sum(bucket => bucket.GeneratedTokens).ShouldBe(3);
        policy.Views[2].ShouldBe(policy.Views[2] with { Desired = 1, Ready = 1, Starting = 0, Queued = 0, Running = 1, Slots = 1 });
    }

    [Fact]
    public void A_prefix_cache_saves_what_a_replica_holds()
    {
        var setup = Setup with { Replica = Replica with { PrefixCacheTokens = 4096, PrefixBlockTokens = 512, PrefillTokensPerSecond = 512 } };
        var trace = new Trace("shared", [new(TimeSpan.Zero, 1024, 1, [1, 2]), new(TimeSpan.FromSeconds(10), 1024, 1, [1, 3])], TimeSpan.FromSeconds(20));
        var result = FleetSimulation.Run(trace, setup, new ConstantFleet(1));
        result.CachedShare.ShouldBe(0.25);
        result.FirstToken.Mean.ShouldBe(TimeSpan.FromSeconds(1.5));
    }

    [Fact]
    public void Who_comes_when_as_many_are_held_as_may_be_is_refused_and_has_no_time()
    {
        var result = FleetSimulation.Run(Trace(10, (0, 10, 3), (1, 10, 3), (1.5, 10, 1)), Setup with { HoldMost = 1 }, new ConstantFleet(1));

        (result.Refused, result.AnsweredOnce, result.MostHeld, result.Counted).ShouldBe((1, 2, 1, 2));
        result.Wait.Longest.ShouldBe(TimeSpan.FromSeconds(2));
    }

    [Fact]
    public void What_the_router_hears_late_it_acts_on_late()
    {
        // The first ends at 3 and is heard of at 5: until then its place counts as taken.
        var setup = Setup with { Router = new() { NewsAge = TimeSpan.FromSeconds(2) } };
        var result = FleetSimulation.Run(Trace(10, (0, 10, 3), (1, 10, 3)), setup, new ConstantFleet(1));

        result.Wait.Longest.ShouldBe(TimeSpan.FromSeconds(4));
    }

    [Fact]
    public void Twice_as_fast_is_half_the_time()
    {
        var trace = Trace(10, (0, 10, 3), (4, 10, 3)).Faster(2);

        (trace.Arrivals[1].At, trace.Span).ShouldBe((TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(5)));
    }

    [Fact]
    public void A_tick_of_part_of_a_second_is_refused() => Should.Throw<ArgumentException>(() =>
        FleetSimulation.Run(Trace(1, (0, 1, 1)), Setup with { Tick = TimeSpan.FromSeconds(1.5) }, new ConstantFleet(1)));

    private static SimulationResult Run(IFleetPolicy policy, double spanSeconds, params (double At, int Prompt, int Generated)[] arrivals) =>
        FleetSimulation.Run(Trace(spanSeconds, arrivals), Setup, policy);

    private static Trace Trace(double spanSeconds, params (double At, int Prompt, int Generated)[] arrivals) => new(
        "by hand",
        [.. arrivals.Select(arrival => new Arrival(TimeSpan.FromSeconds(arrival.At), arrival.Prompt, arrival.Generated))],
        TimeSpan.FromSeconds(spanSeconds));

    private static ServerPolicy Windows(int min, int max, int toZeroSeconds) => new(new(
        min, max, new(TimeSpan.FromSeconds(30), TimeSpan.FromMinutes(10), TimeSpan.FromSeconds(toZeroSeconds)), new Dictionary<string, double>()));

    private static Quantiles Times(double mean, double p50, double p95, double p99, double longest) => new(
        TimeSpan.FromSeconds(mean), TimeSpan.FromSeconds(p50), TimeSpan.FromSeconds(p95), TimeSpan.FromSeconds(p99), TimeSpan.FromSeconds(longest));
}
