using Stoker.Api.Problems;

namespace Stoker.Simulation.Traces;

/// <summary>Arrivals of one's own, as few columns as the simulator needs: times and lengths.</summary>
internal static class ArrivalFile
{
    public const string Heading = "seconds,prompt_tokens,generated_tokens";

    private const double MostSeconds = 3660.0 * 86_400;

    public static Result<Trace> Read(TraceLines lines)
    {
        var arrivals = new ArrivalList(lines);
        while (lines.Next())
        {
            if (!lines.Cells(Heading).TryGet(out var cells, out var problem)) return problem;
            if (lines.Amount("seconds", cells[0], 0, MostSeconds, out var seconds) is { } wrongTime) return wrongTime;
            if (lines.Count("prompt_tokens", cells[1], 1, out var prompt) is { } wrongPrompt) return wrongPrompt;
            if (lines.Count("generated_tokens", cells[2], 1, out var generated) is { } wrongAnswer) return wrongAnswer;
            if (arrivals.Add(new(TimeSpan.FromSeconds(seconds), prompt, generated)) is { } wrong) return wrong;
        }

        return arrivals.ToTrace();
    }
}
