namespace Stoker.Engine.Scheduling;

/// <summary>Counts values by upper bound. Its owner holds a lock.</summary>
internal sealed class Histogram(double[] bounds)
{
    private readonly long[] _counts = new long[bounds.Length + 1];
    private double _sum;

    public void Record(TimeSpan value) => Record(value.TotalSeconds);

    public void Record(double value)
    {
        var index = Array.BinarySearch(bounds, value);
        _counts[index >= 0 ? index : ~index]++;
        _sum += value;
    }

    public HistogramSnapshot Snapshot() => new(bounds, [.. _counts], _sum);
}
