using System.Globalization;

namespace Stoker.Benchmarks.Serving;

/// <summary>Lengths of one request, in tokens, and which of the shared system prompts it begins with.</summary>
internal sealed record TracedRequest(int System, int UserTokens, int AnswerTokens)
{
    /// <summary>
    /// Requests with the lengths of a trace, scaled down to what a small model on few cores serves in minutes: the n-th row
    /// gives the n-th request, and the rows are gone through again when they end.
    /// </summary>
    /// <param name="trace">Lines <c>ContextTokens,GeneratedTokens</c> after a heading.</param>
    /// <param name="scale">Divides both lengths.</param>
    /// <param name="systemTokens">Length of every system prompt; it counts towards the context.</param>
    /// <param name="context">Longer requests are cut: the prompt to three quarters of what is left, then the answer.</param>
    public static TracedRequest[] Plan(IEnumerable<string> trace, int count, double scale, int systems, int systemTokens, int context, int seed)
    {
        var rows = trace.Skip(1).Where(line => line.Length > 0).Select(Lengths).ToArray();
        if (rows.Length == 0) throw new UsageException("The trace has no rows.");
        var room = context - systemTokens;
        if (room < 8) throw new UsageException($"A context of {context} leaves no room after a system prompt of {systemTokens}.");
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(index =>
        {
            var (prompt, answer) = rows[index % rows.Length];
            var user = Math.Clamp((int)Math.Round(prompt / scale), 1, room * 3 / 4);
            return new TracedRequest(random.Next(systems), user, Math.Clamp((int)Math.Round(answer / scale), 1, room - user));
        })];
    }

    private static (int Prompt, int Answer) Lengths(string line)
    {
        var cells = line.Split(',');
        return cells.Length == 2
            && int.TryParse(cells[0], NumberStyles.None, CultureInfo.InvariantCulture, out var prompt)
            && int.TryParse(cells[1], NumberStyles.None, CultureInfo.InvariantCulture, out var answer)
                ? (prompt, answer)
                : throw new UsageException($"A row of the trace must be two counts with a comma between, was '{line}'.");
    }
}
