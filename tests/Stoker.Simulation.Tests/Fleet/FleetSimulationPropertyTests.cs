using FsCheck;
using FsCheck.Fluent;
using Stoker.Simulation.Fleet;
using Stoker.Simulation.Policies;
using Stoker.Simulation.Tests.Policies;
using Stoker.Simulation.Traces;

namespace Stoker.Simulation.Tests.Fleet;

/// <summary>What holds for every trace and every policy, however it turns.</summary>
public class FleetSimulationPropertyTests
{
    [Fact]
    public void Every_request_is_answered_once_and_cost_is_within_what_could_run() => Prop.ForAll(Runs().ToArbitrary(), run =>
    {
        var result = FleetSimulation.Run(run.Trace, run.Setup, new ScriptedPolicy(run.Steps));
        result.Arrived.ShouldBe(run.Trace.Arrivals.Count);
        result.AnsweredOnce.ShouldBe(result.Arrived);
        result.Wait.P50.ShouldBeGreaterThanOrEqualTo(TimeSpan.Zero);
        result.FirstToken.Longest.ShouldBeGreaterThanOrEqualTo(result.Wait.Longest);
        result.ReplicaHours.ShouldBeInRange(0, run.Setup.Capacity * result.SpanHours);
        (result.ReplicaHours + result.StartingHours).ShouldBeLessThanOrEqualTo((run.Setup.Capacity * result.SpanHours) + 1e-9);
        result.PeakReplicas.ShouldBeLessThanOrEqualTo(run.Setup.Capacity);
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void The_same_run_has_the_same_outcome() => Prop.ForAll(Runs().ToArbitrary(), run =>
        FleetSimulation.Run(run.Trace, run.Setup, new ScriptedPolicy(run.Steps))
            .ShouldBe(FleetSimulation.Run(run.Trace, run.Setup, new ScriptedPolicy(run.Steps)))).QuickCheckThrowOnFailure();

    [Fact]
    public void A_seed_fixes_a_run_of_a_real_trace()
    {
        var trace = TraceSource.Open("azure-code", client: null, seed: 1).Value;
        Run(1).ShouldBe(Run(1));
        Run(1).ShouldNotBe(Run(2));

        SimulationResult Run(ulong seed) =>
            FleetSimulation.Run(trace.Copied(2, TimeSpan.FromSeconds(2), seed), new(), new ServerPolicy(ServerPolicyTests.Settings(1, 40)));
    }

    private sealed record Case(Trace Trace, SimulationSetup Setup, (double Seconds, int Count)[] Steps);

    private static Gen<Case> Runs() =>
        from gaps in Gen.ArrayOf(from gap in Gen.Choose(0, 4000) from prompt in Gen.Choose(1, 2000) from answer in Gen.Choose(1, 200) select (gap, prompt, answer))
        from steps in Gen.ArrayOf(from after in Gen.Choose(1, 90) from count in Gen.Choose(0, 6) select (after, count))
        from capacity in Gen.Choose(1, 5)
        from slots in Gen.Choose(1, 4)
        from boot in Gen.Choose(0, 70)
        select ToCase(gaps, steps, capacity, slots, boot);

    private static Case ToCase((int Gap, int Prompt, int Answer)[] gaps, (int After, int Count)[] steps, int capacity, int slots, int boot)
    {
        var (at, arrivals) = (0, new List<Arrival>());
        foreach (var (gap, prompt, answer) in gaps) arrivals.Add(new(TimeSpan.FromMilliseconds(at += gap), prompt, answer));
        var (second, script) = (0.0, new List<(double, int)> { (0, 1) });
        foreach (var (after, count) in steps) script.Add((second += after, count));
        script.Add((second + 1, 1)); // in the end something runs, else who is held waits for ever
        var replica = SimulationSetup.ReferenceReplica with { Slots = slots, PrefillsAtOnce = slots, BootTime = TimeSpan.FromSeconds(boot) };
        return new(
            new("drawn", arrivals, TimeSpan.FromMilliseconds(at + 1)),
            new() { Replica = replica, Capacity = capacity, WarmUp = TimeSpan.Zero, Tick = TimeSpan.FromSeconds(1) },
            [.. script]);
    }
}
