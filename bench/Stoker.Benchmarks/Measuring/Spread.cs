using System.Globalization;

namespace Stoker.Benchmarks.Measuring;

/// <summary>Several timings of one thing. One figure alone says nothing on a machine that changes its speed.</summary>
internal readonly record struct Spread(double Minimum, double Median, double Maximum, int Count)
{
    /// <summary>An even count's median is the mean of the middle two.</summary>
    public static Spread Of(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        if (sorted.Length == 0) throw new ArgumentException("There is nothing to take a median of.", nameof(values));
        var middle = sorted.Length / 2;
        var median = sorted.Length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
        return new(sorted[0], median, sorted[^1], sorted.Length);
    }

    /// <summary>The share of the values at or below it is <paramref name="share"/> (nearest rank).</summary>
    public static double Percentile(IEnumerable<double> values, double share)
    {
        double[] sorted = [.. values.Order()];
        if (sorted.Length == 0) return double.NaN;
        return sorted[Math.Clamp((int)Math.Ceiling(share * sorted.Length) - 1, 0, sorted.Length - 1)];
    }

    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture, $"{Digits(Median)} ({Digits(Minimum)}..{Digits(Maximum)})");

    /// <summary>Three or four significant digits: more would be noise.</summary>
    public static string Digits(double value) => double.IsNaN(value)
        ? "-"
        : value.ToString(Math.Abs(value) switch { >= 100 => "F0", >= 10 => "F1", _ => "F2" }, CultureInfo.InvariantCulture);
}
