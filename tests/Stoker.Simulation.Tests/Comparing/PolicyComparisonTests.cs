using Stoker.Simulation.Comparing;
using Stoker.Simulation.Fleet;
using Stoker.Simulation.Policies;
using Stoker.Simulation.Tests.Policies;
using Stoker.Simulation.Traces;

namespace Stoker.Simulation.Tests.Comparing;

public class PolicyComparisonTests
{
    private static readonly Trace Trace = TraceSource.Open("azure-code", client: null, seed: 1).Value;

    [Fact]
    public void Hindsight_takes_the_smallest_fleet_that_does()
    {
        var (count, result) = HindsightFleet.Find(Trace, new());
        result.LongWaitShare.ShouldBeLessThanOrEqualTo(HindsightFleet.UsualLongWaits);
        count.ShouldBeGreaterThan(1);
        FleetSimulation.Run(Trace, new(), new ConstantFleet(count - 1)).LongWaitShare.ShouldBeGreaterThan(HindsightFleet.UsualLongWaits);
        result.ReplicaHours.ShouldBe(count * Trace.Span.TotalHours, 1e-6);
    }

    [Fact]
    public void Hindsight_without_room_shows_the_most_there_is() =>
        HindsightFleet.Find(Trace, new() { Capacity = 1 }).ShouldSatisfyAllConditions(
            found => found.Replicas.ShouldBe(1),
            found => found.Result.LongWaitShare.ShouldBeGreaterThan(HindsightFleet.UsualLongWaits));

    [Fact]
    public void The_table_has_the_settings_as_asked_then_each_window_at_other_lengths_then_other_policies()
    {
        PolicyComparison.Run(Trace, new(), ServerPolicyTests.Settings(1, 20)).Select(row => row.Policy).ShouldBe(
        [
            "windows 30s/10m0s at default=0.8", "windows 30s/2m0s at default=0.8", "windows 30s/5m0s at default=0.8", "windows 30s/30m0s at default=0.8",
            "windows 10s/10m0s at default=0.8", "windows 1m0s/10m0s at default=0.8", "auto at default=1", "in the manner of Knative, at 70 %",
            "constant fleet of 3, chosen in hindsight",
        ]);
        PolicyComparison.Run(Trace, new(), ServerPolicyTests.Settings(0, 20)).Select(row => row.Policy)
            .ShouldContain("windows 30s/10m0s/15m0s at default=0.8");
        PolicyComparison.Run(Trace, new(), ServerPolicyTests.Settings(0, 20)).Select(row => row.Policy).ShouldContain("auto/1h0m0s at default=1");
    }

    [Fact]
    public void A_longer_down_window_costs_more_and_every_row_answers_all()
    {
        var rows = PolicyComparison.Run(Trace.Copied(5, TimeSpan.FromSeconds(2), seed: 1), new(), ServerPolicyTests.Settings(1, 40)).ToList();
        rows.ShouldAllBe(row => row.Result.AnsweredOnce == 5 * Trace.Arrivals.Count);
        Hours("windows 30s/2m0s at default=0.8").ShouldBeLessThan(Hours("windows 30s/10m0s at default=0.8"));
        Hours("windows 30s/10m0s at default=0.8").ShouldBeLessThan(Hours("windows 30s/30m0s at default=0.8"));

        double Hours(string policy) => rows.Single(row => row.Policy == policy).Result.ReplicaHours;
    }
}
