using Stoker.Api.Resources;
using Stoker.ControlPlane.Autoscaling;
using Stoker.Simulation.Fleet;
using Stoker.Simulation.Policies;
using Stoker.Simulation.Traces;

namespace Stoker.Simulation.Tests.Policies;

public class ServerPolicyTests
{
    [Theory]
    [InlineData(ScalingMode.Windows)]
    [InlineData(ScalingMode.Auto)]
    public void Every_decision_of_a_run_is_the_servers(ScalingMode mode)
    {
        var trace = TraceSource.Open("azure-code", client: null, seed: 1).Value.Copied(3, TimeSpan.FromSeconds(2), seed: 1);
        var checkedPolicy = new Checked(mode == ScalingMode.Auto ? Settings(0, 40).UnderAuto() : Settings(0, 40));
        var result = FleetSimulation.Run(trace, new(), checkedPolicy);
        checkedPolicy.Decisions.ShouldBeGreaterThan(1000);
        checkedPolicy.Changes.ShouldBeGreaterThan(5);
        result.AnsweredOnce.ShouldBe(trace.Arrivals.Count);
    }

    [Fact]
    public void A_change_has_the_servers_reason()
    {
        var policy = new ServerPolicy(Settings(0, 4));
        policy.Observe(0, LoadBucket.Steady(0));
        policy.Decide(new(DateTimeOffset.UnixEpoch, Desired: 0, Ready: 0, Starting: 0, Queued: 3, Running: 0, Slots: 16)).ShouldBe(1);
        policy.Last!.Cause.ShouldBe(ScalingCause.Woke);
        policy.Last.Reason.ShouldNotBeEmpty();
    }

    [Fact]
    public void On_the_conversation_trace_auto_waits_no_longer_and_costs_less_than_the_windows()
    {
        var (auto, windows) = Both("azure-conv", copies: 5, share: 0.8);
        auto.LongWaitShare.ShouldBeLessThanOrEqualTo(Math.Min(0.001, windows.LongWaitShare));
        auto.ReplicaHours.ShouldBeLessThan(Math.Min(15.6, windows.ReplicaHours));
        auto.Turns.ShouldBeLessThanOrEqualTo(4);
    }

    [Fact]
    public void On_the_code_trace_auto_waits_no_longer_and_costs_less_than_the_windows()
    {
        var (auto, windows) = Both("azure-code", copies: 20, share: 1);
        auto.LongWaitShare.ShouldBeLessThanOrEqualTo(Math.Min(0.005, windows.LongWaitShare));
        auto.ReplicaHours.ShouldBeLessThan(Math.Min(54.4, windows.ReplicaHours));
        auto.Turns.ShouldBeLessThanOrEqualTo(4);
    }

    [Fact]
    public void Settings_follow_the_rules_of_create()
    {
        ScaledSettings.From(new()).Value.ShouldSatisfyAllConditions(
            settings => (settings.MinReplicas, settings.MaxReplicas).ShouldBe((0, 1)),
            settings => settings.Policy.ShouldBe(ScalingPolicy.Default),
            settings => settings.TargetText.ShouldBe("default=0.8"));
        var refused = ScaledSettings.From(new()
        {
            MinReplicaCount = 3,
            MaxReplicaCount = 2,
            AutoscalingPolicy = new() { ScaleToZeroWindow = "10s", LoadTargets = new Dictionary<string, double> { ["nonsense"] = 1 } },
        });
        refused.Problem!.Violations.Select(violation => violation.Field).ShouldContain("max_replica_count");
    }

    /// <summary>Auto with its own target, the windows with the given one; jitter of seed 1.</summary>
    private static (SimulationResult Auto, SimulationResult Windows) Both(string name, int copies, double share)
    {
        var trace = TraceSource.Open(name, client: null, seed: 1).Value.Copied(copies, TimeSpan.FromSeconds(2), seed: 1);
        var settings = Settings(1, 400) with { Targets = new Dictionary<string, double> { ["default"] = share } };
        return (
            FleetSimulation.Run(trace, new(), new ServerPolicy(Settings(1, 400).UnderAuto())),
            FleetSimulation.Run(trace, new(), new ServerPolicy(settings)));
    }

    internal static ScaledSettings Settings(int min, int max) => ScaledSettings.From(new DeploymentResource { MinReplicaCount = min, MaxReplicaCount = max }).Value;

    /// <summary>Asks the server's function itself beside the simulator's policy, over a window of its own.</summary>
    private sealed class Checked(ScaledSettings settings) : IFleetPolicy
    {
        private readonly ServerPolicy _policy = new(settings);
        private readonly LoadWindow _window = new(settings.Policy.Memory);

        public int Decisions { get; private set; }

        public int Changes { get; private set; }

        public int StartCount(double meanLoad, int slots) => _policy.StartCount(meanLoad, slots);

        public void Observe(long second, in LoadBucket bucket)
        {
            _policy.Observe(second, bucket);
            _window.Add(second, bucket);
        }

        public int Decide(in FleetView view)
        {
            var expected = Autoscaler.Decide(new()
            {
                Policy = settings.Policy,
                Min = settings.MinReplicas,
                Max = settings.MaxReplicas,
                Targets = LoadTargets.From(settings.Targets, settings.Policy.Mode),
                Window = _window,
                Desired = view.Desired,
                Ready = view.Ready,
                Starting = view.Starting,
                SequencesPerReplica = view.Slots,
                Queued = view.Queued,
                Running = view.Running,
                Now = view.Time,
            }).Desired;
            var decided = _policy.Decide(view);
            decided.ShouldBe(expected);
            Decisions++;
            if (decided != view.Desired) Changes++;
            return decided;
        }
    }
}
