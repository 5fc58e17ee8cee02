using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using Firectl.Output;
using Stoker.Simulation.Comparing;
using Stoker.Simulation.Fleet;
using Stoker.Simulation.Traces;

namespace Firectl.Simulating;

/// <summary>The outcome for people, one line a policy, or as JSON with every number.</summary>
internal static class SimulationOutput
{
    private static readonly string[] Headings =
        ["POLICY", "LONG WAITS", "WAIT P99", "LONGEST", "HELD COLD", "REPLICA-HOURS", "OF ALWAYS ON", "BUSY", "COLD STARTS", "FROM ZERO", "TURNS", "PEAK"];

    public static Task WriteAsync(Invocation invocation, Trace trace, SimulationSetup setup, IReadOnlyList<ComparedPolicy> rows) =>
        invocation.Context.Output.WriteAsync(invocation.IsJson ? JsonOutput.Write(Json(trace, rows)) : Text(trace, setup, rows));

    private static string Text(Trace trace, SimulationSetup setup, IReadOnlyList<ComparedPolicy> rows)
    {
        var cells = rows.Select(Cells).Prepend(Headings).ToList();
        var widths = Headings.Select((_, column) => cells.Max(row => row[column].Length)).ToArray();
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"{trace.Name}: {trace.Arrivals.Count} requests in {trace.Span.TotalHours:0.00} h, a mean load of {setup.MeanLoad(trace):0.0} requests\n");
        text.Append(CultureInfo.InvariantCulture, $"long waits are above {setup.LongWait.TotalSeconds:0.###} s, from {setup.WarmUp.TotalSeconds:0} s on\n\n");
        foreach (var row in cells) text.Append(string.Join("  ", row.Select((cell, column) => column == 0 ? cell.PadRight(widths[0]) : cell.PadLeft(widths[column])))).Append('\n');
        return text.ToString();
    }

    private static string[] Cells(ComparedPolicy row)
    {
        var result = row.Result;
        return
        [
            row.Policy, Share(result.LongWaitShare), Seconds(result.Wait.P99), Seconds(result.Wait.Longest), Share(result.ColdShare),
            Number(result.ReplicaHours, "0.00"), Share(result.AlwaysOnShare), Share(result.BusyShare), Number(result.ColdStarts, "0"),
            Number(result.Wakes, "0"), Number(result.Turns, "0"), Number(result.PeakReplicas, "0"),
        ];
    }

    private static JsonObject Json(Trace trace, IReadOnlyList<ComparedPolicy> rows) => new()
    {
        ["trace"] = trace.Name,
        ["requests"] = trace.Arrivals.Count,
        ["spanSeconds"] = trace.Span.TotalSeconds,
        ["policies"] = new JsonArray([.. rows.Select(Json)]),
    };

    private static JsonObject Json(ComparedPolicy row) => new()
    {
        ["policy"] = row.Policy,
        ["arrived"] = row.Result.Arrived,
        ["answeredOnce"] = row.Result.AnsweredOnce,
        ["counted"] = row.Result.Counted,
        ["longWaits"] = row.Result.LongWaits,
        ["longWaitShare"] = row.Result.LongWaitShare,
        ["coldRequests"] = row.Result.ColdRequests,
        ["waitSeconds"] = Json(row.Result.Wait),
        ["firstTokenSeconds"] = Json(row.Result.FirstToken),
        ["replicaHours"] = row.Result.ReplicaHours,
        ["startingHours"] = row.Result.StartingHours,
        ["alwaysOnShare"] = row.Result.AlwaysOnShare,
        ["busyShare"] = row.Result.BusyShare,
        ["coldStarts"] = row.Result.ColdStarts,
        ["wakes"] = row.Result.Wakes,
        ["turns"] = row.Result.Turns,
        ["peakReplicas"] = row.Result.PeakReplicas,
        ["cachedShare"] = row.Result.CachedShare,
    };

    private static JsonObject Json(Quantiles times) => new()
    {
        ["mean"] = times.Mean.TotalSeconds,
        ["p50"] = times.P50.TotalSeconds,
        ["p95"] = times.P95.TotalSeconds,
        ["p99"] = times.P99.TotalSeconds,
        ["longest"] = times.Longest.TotalSeconds,
    };

    private static string Share(double share) => Number(100 * share, "0.00") + " %";

    private static string Seconds(TimeSpan time) => Number(time.TotalSeconds, "0.0") + " s";

    private static string Number(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);
}
