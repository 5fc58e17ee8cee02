using System.CommandLine;
using Firectl.Deployments;
using Stoker.Api.Problems;
using Stoker.Api.Resources;
using Stoker.Api.Time;
using Stoker.Simulation.Comparing;
using Stoker.Simulation.Fleet;
using Stoker.Simulation.Policies;

namespace Firectl.Simulating;

/// <summary>The flags of a deployment that its replica count depends on, and which policy they are for.</summary>
internal sealed class PolicyFlags
{
    private readonly Option<int> _min = new("--min-replica-count") { Description = "Replicas that always run (default 0)" };
    private readonly Option<int> _max = new("--max-replica-count") { Description = "Replicas at most (default 1 if the minimum is 0, else the minimum)" };
    private readonly Option<TimeSpan> _up = Durations.Option("--scale-up-window", "Load must be there this long before replicas are added (default 30s; with --policy windows)");
    private readonly Option<TimeSpan> _down = Durations.Option("--scale-down-window", "Load must be gone this long before replicas are removed (default 10m; with --policy windows)");
    private readonly Option<TimeSpan> _toZero = Durations.Option("--scale-to-zero-window", "Without requests for this long it goes to zero (default 1h, at least 5m)");
    private readonly Option<string?> _targets = new("--load-targets") { Description = "Such as default=0.8,requests_per_second=10" };
    private readonly Option<string> _policy = PolicyOption();
    private readonly Option<int> _count = new("--replica-count") { Description = "The replicas of --policy constant" };
    private readonly Option<bool> _compare = new("--compare") { Description = "A table of other windows and other policies beside the given ones" };

    public void AddTo(Command command)
    {
        foreach (var option in new Option[] { _min, _max, _up, _down, _toZero, _targets, _policy, _count, _compare }) command.Options.Add(option);
    }

    public bool IsComparison(Invocation invocation) => invocation.Value(_compare);

    /// <summary>By the server's own rules. A flag that the chosen policy has no use for is refused.</summary>
    public ScaledSettings Settings(Invocation invocation)
    {
        var policy = invocation.Value(_policy)!;
        Refuse(_policy, IsComparison(invocation), "with --compare, which runs them all");
        Refuse(_count, policy != "constant", "without --policy constant");
        foreach (var option in new Option[] { _up, _down }) Refuse(option, policy != "windows", $"with --policy {policy}");
        foreach (var option in new Option[] { _toZero, _targets }) Refuse(option, policy is not ("windows" or "auto"), $"with --policy {policy}");
        foreach (var option in new Option[] { _min, _max }) Refuse(option, policy == "constant", "with --policy constant; give --replica-count");
        return ScaledSettings.From(new DeploymentResource
        {
            MinReplicaCount = invocation.Given(_min),
            MaxReplicaCount = invocation.Given(_max),
            AutoscalingPolicy = new()
            {
                ScaleUpWindow = Wire(_up),
                ScaleDownWindow = Wire(_down),
                ScaleToZeroWindow = Wire(_toZero),
                LoadTargets = DeploymentFlags.LoadTargets(invocation.Value(_targets)),
                AutoscalingMode = policy == "auto" ? "AUTO" : null,
            },
        }).OrFail();

        string? Wire(Option<TimeSpan> option) => invocation.Given(option) is { } duration ? ProtoDuration.Format(duration) : null;

        void Refuse(Option option, bool when, string why)
        {
            if (when && invocation.IsGiven(option)) throw new ProblemException(Problem.InvalidArgument($"{option.Name} means nothing {why}: leave it out"));
        }
    }

    /// <summary>The one policy of a run that does not compare.</summary>
    public (string Name, IFleetPolicy Policy) Policy(Invocation invocation, ScaledSettings settings)
    {
        switch (invocation.Value(_policy))
        {
            case "knative":
                return ("in the manner of Knative, at 70 %", new KnativePolicy(settings.MinReplicas, settings.MaxReplicas));
            case "constant":
                var count = invocation.Given(_count);
                if (count is not (>= 1 and <= SimulationSetup.MostCapacity))
                {
                    throw new ProblemException(Problem.InvalidArgument($"--policy constant needs --replica-count from 1 to {SimulationSetup.MostCapacity}"));
                }

                return ($"constant fleet of {count}", new ConstantFleet(count.Value));
            default:
                return (PolicyComparison.Describe(settings), new ServerPolicy(settings));
        }
    }

    private static Option<string> PolicyOption()
    {
        var option = new Option<string>("--policy") { Description = "windows (default), auto (both the server's), knative or constant", DefaultValueFactory = _ => "windows" };
        option.AcceptOnlyFromAmong("windows", "auto", "knative", "constant");
        return option;
    }
}
