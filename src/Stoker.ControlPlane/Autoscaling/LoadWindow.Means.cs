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

    /// <summary>
    /// The highest load that all of some <paramref name="lasting"/> seconds in a row had, the last of them in the window, as far as it was seen.
    /// </summary>
    public double HighestLasting(TimeSpan window, TimeSpan lasting)
    {
        var (width, highest) = (Seconds(lasting), 0.0);
        var first = (int)Math.Min(Math.Min(_count, _settled), Seconds(window) + width - 1);
        for (var ago = first; ago >= width; ago--)
        {
            var lowest = double.MaxValue;
            for (var second = 0; second < width && lowest > highest; second++) lowest = Math.Min(lowest, At(ago - second).Mean);
            highest = Math.Max(highest, lowest);
        }

        return highest;
    }
}

/// <summary>The lowest and the highest of smoothed loads, and their average.</summary>
public readonly record struct LoadMeans(double Lowest, double Highest, double Average);
