using Stoker.Engine;

namespace Stoker.Replica.Simulated;

/// <summary>Counts values into buckets. The bounds are vLLM's, so that its dashboards fit.</summary>
internal sealed class HistogramCounter(double[] bounds)
{
    public static readonly double[] FirstToken =
        [.001, .005, .01, .02, .04, .06, .08, .1, .25, .5, .75, 1, 2.5, 5, 7.5, 10, 20, 40, 80, 160, 640, 2560];

    public static readonly double[] BetweenTokens =
        [.01, .025, .05, .075, .1, .15, .2, .3, .4, .5, .75, 1, 2.5, 5, 7.5, 10, 20, 40, 80];

    public static readonly double[] Latency =
        [.3, .5, .8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60, 120, 240, 480, 960, 1920, 7680];

    private readonly long[] _counts = new long[bounds.Length + 1];
    private double _sum;

    public void Add(TimeSpan time)
    {
        var seconds = time.TotalSeconds;
        var index = Array.BinarySearch(bounds, seconds);
        _counts[index >= 0 ? index : ~index]++;
        _sum += seconds;
    }

    public HistogramSnapshot Snapshot() => new(bounds, [.. _counts], _sum);
}
