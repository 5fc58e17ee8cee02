using Stoker.Api.Time;
using Stoker.ControlPlane.Autoscaling;
using Stoker.Simulation.Fleet;
using Stoker.Simulation.Policies;
using Stoker.Simulation.Traces;

namespace Stoker.Simulation.Comparing;

/// <param name="Policy">In words, such as <c>windows 30s/10m0s at default=0.8</c>.</param>
public sealed record ComparedPolicy(string Policy, SimulationResult Result);

/// <summary>What other windows and other policies would have cost on the same trace.</summary>
public static class PolicyComparison
{
    private static readonly TimeSpan[] DownWindows = [TimeSpan.FromMinutes(2), TimeSpan.FromMinutes(5), TimeSpan.FromMinutes(10), TimeSpan.FromMinutes(30)];
    private static readonly TimeSpan[] UpWindows = [TimeSpan.FromSeconds(10), TimeSpan.FromMinutes(1)];
    private static readonly TimeSpan[] ZeroWindows = [TimeSpan.FromMinutes(5), TimeSpan.FromMinutes(15), TimeSpan.FromHours(1), TimeSpan.FromHours(4)];

    /// <summary>The settings as asked first, then each window at other lengths, then other policies.</summary>
    public static IEnumerable<ComparedPolicy> Run(Trace trace, SimulationSetup setup, ScaledSettings asked)
    {
        foreach (var settings in Variants(asked)) yield return new(Describe(settings), FleetSimulation.Run(trace, setup, new ServerPolicy(settings)));
        var auto = asked.UnderAuto();
        yield return new(Describe(auto), FleetSimulation.Run(trace, setup, new ServerPolicy(auto)));
        yield return new("in the manner of Knative, at 70 %", FleetSimulation.Run(trace, setup, new KnativePolicy(asked.MinReplicas, asked.MaxReplicas)));
        var (count, result) = HindsightFleet.Find(trace, setup);
        yield return new($"constant fleet of {count}, chosen in hindsight", result);
    }

    public static string Describe(ScaledSettings settings)
    {
        var policy = settings.Policy;
        var zero = settings.MinReplicas == 0 ? $"/{GoDuration.Format(policy.ToZeroWindow)}" : "";
        if (policy.Mode == ScalingMode.Auto) return $"auto{zero} at {settings.TargetText}";
        return $"windows {GoDuration.Format(policy.UpWindow)}/{GoDuration.Format(policy.DownWindow)}{zero} at {settings.TargetText}";
    }

    private static IEnumerable<ScaledSettings> Variants(ScaledSettings asked)
    {
        var policy = asked.Policy;
        return DownWindows.Select(window => policy with { DownWindow = window })
            .Concat(UpWindows.Select(window => policy with { UpWindow = window }))
            .Concat(ZeroWindows.Where(_ => asked.MinReplicas == 0).Select(window => policy with { ToZeroWindow = window }))
            .Prepend(policy)
            .Distinct()
            .Select(other => asked with { Policy = other });
    }
}
