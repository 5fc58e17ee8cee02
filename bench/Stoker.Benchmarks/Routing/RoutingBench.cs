namespace Stoker.Benchmarks.Routing;

/// <summary>The router: how good its choices are in the simulator, exactly the same on every machine, and how long one takes on this one.</summary>
internal static class RoutingBench
{
    public static void Run(string[] args)
    {
        var arguments = new Arguments(args, [], "--parts", "--decisions");
        var decisions = arguments.Integer("--decisions", 200_000, 1_000, 100_000_000);
        foreach (var part in arguments.Words("--parts", ["quality", "loads", "places", "decision"]))
        {
            switch (part)
            {
                case "quality":
                    RouterQuality.Policies();
                    break;
                case "loads":
                    RouterQuality.Loads();
                    break;
                case "places":
                    RouterQuality.Places();
                    break;
                case "decision":
                    DecisionTimes.Run(decisions);
                    break;
            }
        }
    }
}
