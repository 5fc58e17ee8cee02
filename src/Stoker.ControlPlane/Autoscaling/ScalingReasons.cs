using Stoker.Api.Time;

namespace Stoker.ControlPlane.Autoscaling;

/// <summary>Choices in words: one sentence each, with the numbers that decided.</summary>
internal static class ScalingReasons
{
    public static string Say(ScalingInput input, in ScalingChoice choice)
    {
        var policy = input.Policy;
        return choice.Cause switch
        {
            ScalingCause.Parked => "the maximum is 0: parked",
            ScalingCause.ByHand => ByHand(input, choice.Count),
            ScalingCause.Created => $"begins with {Replicas(choice.Count)}",
            ScalingCause.Bounds => $"the bounds are {input.Min} to {input.Max}: from {input.Desired} to {choice.Count}",
            ScalingCause.Woke => $"{Count(input.Queued, "request")} held at zero: {Need(choice.Need)}: {Step(input, choice)}",
            ScalingCause.LoadLasted => $"for {GoDuration.Format(choice.Over)} {Need(choice.Need)}: {Step(input, choice)}",
            ScalingCause.LoadJumped => $"a jump: for {GoDuration.Format(choice.Over)} {Need(choice.Need)}: {Step(input, choice)}",
            ScalingCause.AtMaximum => $"for {GoDuration.Format(choice.Over)} {Need(choice.Need)}, and the maximum is {input.Max}",
            ScalingCause.LoadFell => $"{AtMost(choice)}: {Step(input, choice)}",
            ScalingCause.Idle => $"no request for {GoDuration.Format(input.Window.Idle)}, the scale-to-zero window is {GoDuration.Format(policy.ToZeroWindow)}: {Step(input, choice)}",
            ScalingCause.MissingData => $"the load of the last {GoDuration.Format(input.WindowAge)} is not known: stays at {choice.Count}",
            _ => Steady(input, choice),
        };
    }

    private static string ByHand(ScalingInput input, int count) => count == input.ManualCount
        ? $"set to {count} by hand"
        : $"set to {input.ManualCount} by hand, and the bounds are {input.Min} to {input.Max}: {count}";

    private static string Steady(ScalingInput input, in ScalingChoice choice)
    {
        if (choice.Count == 0) return "at zero, and no request is held";
        if (choice.Need.Key is not null) return $"{AtMost(choice)}: stays at {choice.Count}";
        if (choice.Count > Math.Max(input.Min, 1))
        {
            return $"{GoDuration.Format(input.Window.Settled)} of the down window of {GoDuration.Format(choice.Over)} are known{(choice.InBursts ? ", and load comes in bursts" : "")}: stays at {choice.Count}";
        }

        return choice.Sustained is { } load
            ? $"a load of {load.Concurrent:0.##} needs no more: stays at {choice.Count}"
            : $"no load lasted long enough to ask for more: stays at {choice.Count}";
    }

    private static string AtMost(in ScalingChoice choice) =>
        $"{(choice.InBursts ? "load comes in bursts: " : "")}at most, in {GoDuration.Format(choice.Over)}, {Need(choice.Need)}";

    private static string Need(in ReplicaNeed need)
    {
        var load = $"{need.Load:0.##} {Unit(need.Key)}";
        return need.PerReplica is { } each
            ? $"{load} at {each:0.##} a replica need {Replicas(need.Count)}"
            : $"{load}, while what a replica carries is not known yet, need {Replicas(need.Count)}";
    }

    private static string Step(ScalingInput input, in ScalingChoice choice)
    {
        var cut = choice.Need.Count > choice.Count ? $", the maximum is {input.Max}" : "";
        return $"from {input.Desired} to {choice.Count}{cut}";
    }

    private static string Unit(string? key) => key switch
    {
        LoadTargets.Requests => "requests/s",
        LoadTargets.PromptTokens => "prompt tokens/s",
        LoadTargets.GeneratedTokens => "generated tokens/s",
        _ => "concurrent requests",
    };

    private static string Replicas(int count) => Count(count, "replica");

    private static string Count(int count, string noun) => count == 1 ? $"1 {noun}" : $"{count} {noun}s";
}
