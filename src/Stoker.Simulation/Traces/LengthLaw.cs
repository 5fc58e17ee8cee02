using Stoker.Api.Problems;

namespace Stoker.Simulation.Traces;

/// <summary>
/// Token lengths of one client as quantiles; what lies between two of them is drawn evenly.
/// </summary>
public sealed class LengthLaw
{
    internal const string Heading =
        "client,total_requests,active_windows,windows,in_mean,in_p10,in_p25,in_p50,in_p75,in_p90,in_p95,in_p99,in_max,"
        + "out_mean,out_p10,out_p25,out_p50,out_p75,out_p90,out_p95,out_p99,out_max";

    private const int PromptColumn = 5;
    private const int GeneratedColumn = 14;

    /// <summary>The shares of the points: the least length, the columns of the file, the longest.</summary>
    private static readonly double[] Shares = [0, 0.10, 0.25, 0.50, 0.75, 0.90, 0.95, 0.99, 1];

    private readonly double[] _prompt;
    private readonly double[] _generated;

    private LengthLaw(double[] prompt, double[] generated) => (_prompt, _generated) = (prompt, generated);

    /// <summary>Every request alike: for clients whose lengths are not known.</summary>
    public static LengthLaw Constant(int promptTokens, int generatedTokens)
    {
        var (prompt, generated) = (new double[Shares.Length], new double[Shares.Length]);
        Array.Fill(prompt, promptTokens);
        Array.Fill(generated, generatedTokens);
        return new(prompt, generated);
    }

    /// <summary>The laws by client; a client whose row is empty has none.</summary>
    /// <param name="lines">Stand on the heading.</param>
    internal static Result<Dictionary<string, LengthLaw>> Read(TraceLines lines)
    {
        var laws = new Dictionary<string, LengthLaw>(StringComparer.Ordinal);
        while (lines.Next())
        {
            if (!lines.Cells(Heading).TryGet(out var cells, out var problem)) return problem;
            if (cells[PromptColumn].Length == 0 || cells[GeneratedColumn].Length == 0) continue;
            if (!Points(lines, cells, PromptColumn).TryGet(out var prompt, out problem)) return problem;
            if (!Points(lines, cells, GeneratedColumn).TryGet(out var generated, out problem)) return problem;
            if (!laws.TryAdd(cells[0], new(prompt, generated))) return lines.Wrong($"client '{TraceLines.Shown(cells[0])}' stands there twice");
        }

        return laws;
    }

    internal int Prompt(Draws draws) => Draw(_prompt, draws.Unit());

    internal int Generated(Draws draws) => Draw(_generated, draws.Unit());

    private static Result<double[]> Points(TraceLines lines, string[] cells, int first)
    {
        var points = new double[Shares.Length];
        points[0] = 1;
        for (var index = 1; index < points.Length; index++)
        {
            if (lines.Amount("a length", cells[first + index - 1], 0, int.MaxValue, out points[index]) is { } wrong) return wrong;
        }

        return points;
    }

    private static int Draw(double[] points, double share)
    {
        var upper = 1;
        while (share > Shares[upper]) upper++;
        var part = (share - Shares[upper - 1]) / (Shares[upper] - Shares[upper - 1]);
        return Math.Max(1, (int)Math.Round(points[upper - 1] + (part * (points[upper] - points[upper - 1]))));
    }
}
