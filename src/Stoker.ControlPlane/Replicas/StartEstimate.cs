namespace Stoker.ControlPlane.Replicas;

/// <summary>What a waiting client is told: a phase, how much of the start is over, and how long the rest may take.</summary>
/// <param name="Progress">0..1, of the time from start to ready.</param>
public readonly record struct StartEstimate(StartPhase Phase, double Progress, TimeSpan Left)
{
    /// <summary>Less than this of the loading says nothing about the rest.</summary>
    private const double LeastLoaded = 0.05;

    /// <summary>
    /// A start that takes longer than usual is expected to take another tenth of what it has taken: always something,
    /// and more the longer it lasts.
    /// </summary>
    private const double Overdue = 0.1;

    private static readonly TimeSpan Least = TimeSpan.FromMilliseconds(100);

    /// <summary>
    /// By the median of the deployment's own last starts; without any by what the replica says about its loading, else
    /// by <paramref name="usual"/>.
    /// </summary>
    public static StartEstimate For(StartOutlook outlook, TimeSpan usual, DateTimeOffset now)
    {
        var expected = outlook.Recent.Count > 0 ? Median(outlook.Recent) : usual;
        if (outlook.Since is not { } since) return new(outlook.Phase, 0, expected);

        // A clock that was set back must not make the start longer than it is.
        var taken = now > since ? now - since : TimeSpan.Zero;
        var left = outlook is { Recent.Count: 0, Loaded: >= LeastLoaded and var loaded }
            ? taken * ((1 - loaded) / loaded)
            : expected - taken;
        if (left < Least) left = Larger(taken * Overdue, Least);
        return new(outlook.Phase, taken / (taken + left), left);
    }

    private static TimeSpan Median(IReadOnlyList<TimeSpan> starts) => starts.Order().ElementAt(starts.Count / 2);

    private static TimeSpan Larger(TimeSpan one, TimeSpan other) => one > other ? one : other;
}
