using Stoker.Api.Problems;

namespace Stoker.Simulation.Traces;

/// <summary>How often one client asked in one window.</summary>
/// <param name="Variation">Standard deviation of the time between requests over its mean.</param>
/// <param name="IsWeibull">The law of the times between requests: Weibull, else Gamma.</param>
public readonly record struct RateWindow(TimeSpan Start, double RequestsPerSecond, double Variation, bool IsWeibull);

/// <summary>One client of a set; windows without traffic are left out.</summary>
public sealed record ClientRates(string Client, IReadOnlyList<RateWindow> Windows);

/// <summary>
/// A ServeGen set: arrival rates by client and window. From them <see cref="ClientArrivals"/> draws requests.
/// </summary>
/// <param name="Span">To the end of the last window of any client: all clients were watched so long.</param>
public sealed record RateTable(string Name, IReadOnlyList<ClientRates> Clients, TimeSpan Span)
{
    internal const string Heading = "client,t_s,rate_rps,cv,pattern,param1,param2";

    private const double MostSeconds = 3660.0 * 86_400;

    /// <summary>Requests a second, far above what any client of the sets does.</summary>
    private const double MostRate = 1e5;

    public static TimeSpan Window { get; } = TimeSpan.FromSeconds(600);

    /// <summary>How many windows the set has, with traffic or without.</summary>
    public int WindowCount => (int)(Span / Window);

    public ClientRates? Find(string client) => Clients.FirstOrDefault(known => known.Client == client);

    /// <summary>
    /// Clients that are silent most of the time, the ones that scale to zero is for: with traffic in less than the
    /// given share of all windows.
    /// </summary>
    public IEnumerable<ClientRates> Sparse(double share) => Clients.Where(client => client.Windows.Count < share * WindowCount);

    /// <param name="lines">Stand on the heading.</param>
    internal static Result<RateTable> Read(TraceLines lines)
    {
        var (clients, span) = (new Dictionary<string, List<RateWindow>>(StringComparer.Ordinal), TimeSpan.Zero);
        while (lines.Next())
        {
            if (!lines.Cells(Heading).TryGet(out var cells, out var problem)) return problem;
            if (!Parse(lines, cells).TryGet(out var window, out problem)) return problem;
            if (cells[0].Length == 0) return lines.Wrong("client is empty");
            if (!clients.TryGetValue(cells[0], out var windows)) clients.Add(cells[0], windows = []);
            if (windows.Count > 0 && window.Start < windows[^1].Start + Window) return lines.Wrong("its window does not begin after the client's window above ended");
            windows.Add(window);
            span = window.Start + Window > span ? window.Start + Window : span;
        }

        return clients.Count == 0
            ? lines.Wrong("the set ends here and has no clients")
            : new RateTable(lines.Name, [.. clients.Select(client => new ClientRates(client.Key, client.Value))], span);
    }

    private static Result<RateWindow> Parse(TraceLines lines, string[] cells)
    {
        if (lines.Amount("t_s", cells[1], 0, MostSeconds, out var start) is { } wrongTime) return wrongTime;
        if (lines.Amount("rate_rps", cells[2], 0, MostRate, out var rate) is { } wrongRate) return wrongRate;
        // Below 0.01 the requests come like clockwork, and the laws' shapes leave the range of the numbers.
        if (lines.Amount("cv", cells[3], 0, 1000, out var variation) is { } wrongVariation) return wrongVariation;
        if (cells[4] is not ("G" or "W")) return lines.Wrong($"pattern must be G (Gamma) or W (Weibull), was '{TraceLines.Shown(cells[4])}'");
        return new RateWindow(TimeSpan.FromSeconds(start), rate, Math.Max(variation, 0.01), cells[4] == "W");
    }
}
