namespace Stoker.Simulation.Traces;

/// <summary>
/// Draws the requests of one client: as many in each window as its rate says, spread by gaps of its law.
/// </summary>
/// <remarks>
/// The gaps of a window are scaled to fill it, so that the count is exact whatever the law draws; the fitted parameters of
/// some rows do not give the stated mean, the rate and the variation do.
/// </remarks>
public static class ClientArrivals
{
    public static Trace Draw(RateTable table, ClientRates client, LengthLaw lengths, ulong seed)
    {
        var (draws, arrivals) = (Draws.For(seed, client.Client), new List<Arrival>());
        foreach (var window in client.Windows) Draw(window, lengths, draws, arrivals);
        return new($"{table.Name} {client.Client}", arrivals, table.Span);
    }

    private static void Draw(RateWindow window, LengthLaw lengths, Draws draws, List<Arrival> arrivals)
    {
        var count = (int)Math.Round(window.RequestsPerSecond * RateTable.Window.TotalSeconds, MidpointRounding.AwayFromZero);
        var (ends, sum) = (new double[count], 0.0);
        var shape = window.IsWeibull ? WeibullShape(window.Variation) : 1 / (window.Variation * window.Variation);
        for (var index = 0; index < count; index++) ends[index] = sum += Gap();
        sum += Gap();
        foreach (var end in ends)
        {
            arrivals.Add(new(window.Start + RateTable.Window * (end / sum), lengths.Prompt(draws), lengths.Generated(draws)));
        }

        // Not zero: a shape far below 1 draws gaps that are, and a window of nothing but those has no length.
        double Gap() => Math.Max(window.IsWeibull ? draws.Weibull(shape) : draws.Gamma(shape), 1e-12);
    }

    /// <summary>
    /// The shape whose variation is the given one. The variation falls as the shape grows, so halving finds it.
    /// </summary>
    internal static double WeibullShape(double variation)
    {
        var (low, high) = (0.1, 200.0);
        for (var step = 0; step < 60; step++)
        {
            var middle = Math.Sqrt(low * high);
            if (Variation(middle) > variation) low = middle;
            else high = middle;
        }

        return low;
    }

    private static double Variation(double shape) =>
        Math.Sqrt(Math.Max(0, Math.Exp(LogGamma(1 + (2 / shape)) - (2 * LogGamma(1 + (1 / shape)))) - 1));

    /// <summary>The logarithm of the Gamma function above 0, by Stirling's series after a shift.</summary>
    private static double LogGamma(double x)
    {
        var shift = 0.0;
        for (; x < 10; x++) shift += Math.Log(x);
        var square = 1 / (x * x);
        return ((x - 0.5) * Math.Log(x)) - x + (0.5 * Math.Log(2 * Math.PI))
            + ((1.0 / 12) - (square * ((1.0 / 360) - (square / 1260)))) / x - shift;
    }
}
