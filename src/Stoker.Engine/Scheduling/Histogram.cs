namespace Stoker.Engine.Scheduling;

/// <summary>Counts values by upper bound. Its owner holds a lock.</summary>
internal sealed class Histogram(double[] bounds)
{
    private readonly long[] _counts = new long[bounds.Length + 1];
    private double _sum;

    public void Record(TimeSpan value)
    {
        var seconds = value.TotalSeconds;
        var index = Array.BinarySearch(bounds, seconds);
        _counts[index >= 0 ? index : ~index]++;
        _sum += seconds;
    }

    public HistogramSnapshot Snapshot() => new(bounds, [.. _counts], _sum);
}
