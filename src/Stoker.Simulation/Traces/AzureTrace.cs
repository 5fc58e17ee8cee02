using System.Globalization;
using Stoker.Api.Problems;

namespace Stoker.Simulation.Traces;

/// <summary>The Azure LLM inference traces: a time stamp with seven digits of a second, prompt and answer length.</summary>
internal static class AzureTrace
{
    public const string Heading = "TIMESTAMP,ContextTokens,GeneratedTokens";

    private const string TimeFormat = "yyyy-MM-dd HH:mm:ss.FFFFFFF";

    public static Result<Trace> Read(TraceLines lines)
    {
        var arrivals = new ArrivalList(lines);
        DateTime? begin = null;
        while (lines.Next())
        {
            if (!lines.Cells(Heading).TryGet(out var cells, out var problem)) return problem;
            if (!DateTime.TryParseExact(cells[0], TimeFormat, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var at))
            {
                return lines.Wrong($"TIMESTAMP must be like 2023-11-16 18:15:46.6805900, was '{TraceLines.Shown(cells[0])}'");
            }

            begin ??= at;
            if (lines.Count("ContextTokens", cells[1], 1, out var prompt) is { } wrongPrompt) return wrongPrompt;
            if (lines.Count("GeneratedTokens", cells[2], 1, out var generated) is { } wrongAnswer) return wrongAnswer;
            if (arrivals.Add(new(at - begin.Value, prompt, generated)) is { } wrong) return wrong;
        }

        return arrivals.ToTrace();
    }
}
