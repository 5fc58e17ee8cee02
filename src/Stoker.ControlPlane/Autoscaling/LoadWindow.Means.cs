namespace Stoker.ControlPlane.Autoscaling;

/// <summary>The load smoothed: what a few seconds come to, rather than each of them.</summary>
public sealed partial class LoadWindow
{
    /// <summary>
    /// The load as means over <paramref name="smoothing"/>, one at each second of the window. The oldest means have
    /// less behind them when nothing earlier is known.
    /// </summary>
    /// <param name="unbroken">Whether a gap makes all before it unknown; else its time counts for nothing.</param>
    /// <returns>False unless as many seconds were seen.</returns>
    public bool TryMeans(TimeSpan window, TimeSpan smoothing, bool unbroken, out LoadMeans means)
    {
        means = default;
        var (length, width) = (Seconds(window), Seconds(smoothing));
        var known = (int)Math.Min(_count, unbroken ? Math.Min(_settled, _unbroken) : _settled);
        if (length > known) return false;

        var first = Math.Min(known, length + width - 1);
        double lowest = double.MaxValue, highest = 0, all = 0, sum = 0;
        for (var ago = first; ago >= 1; ago--)
        {
            sum += At(ago).Mean;
            if (ago + width <= first) sum -= At(ago + width).Mean;
            if (ago > length) continue;
            var mean = Math.Max(0, sum / Math.Min(width, first - ago + 1)); // the last bit of a zero may be negative
            lowest = Math.Min(lowest, mean);
            highest = Math.Max(highest, mean);
            all += mean;
        }

        means = new(lowest, highest, all / length);
        return true;
    }
}

/// <summary>The lowest and the highest of smoothed loads, and their average.</summary>
public readonly record struct LoadMeans(double Lowest, double Highest, double Average);
