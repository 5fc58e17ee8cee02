using System.Text.Json;
using Stoker.Api.Problems;

namespace Stoker.Simulation.Traces;

/// <summary>
/// The Mooncake traces: one JSON object a line with <c>timestamp</c> in milliseconds, <c>input_length</c>,
/// <c>output_length</c> and <c>hash_ids</c>, the remapped ids of the prompt's blocks.
/// </summary>
internal static class MooncakeTrace
{
    public const int BlockTokens = 512;

    /// <param name="lines">Stand on the first line: the format has no heading.</param>
    public static Result<Trace> Read(TraceLines lines)
    {
        var arrivals = new ArrivalList(lines);
        do
        {
            if (!Parse(lines).TryGet(out var arrival, out var problem)) return problem;
            if (arrivals.Add(arrival) is { } wrong) return wrong;
        }
        while (lines.Next());
        return arrivals.ToTrace();
    }

    private static Result<Arrival> Parse(TraceLines lines)
    {
        try
        {
            using var document = JsonDocument.Parse(lines.Line);
            var row = document.RootElement;
            if (row.ValueKind != JsonValueKind.Object) return lines.Wrong("expected a JSON object");
            if (Whole(lines, row, "timestamp", 0, out var milliseconds) is { } wrongTime) return wrongTime;
            if (Whole(lines, row, "input_length", 1, out var prompt) is { } wrongPrompt) return wrongPrompt;
            if (Whole(lines, row, "output_length", 1, out var generated) is { } wrongAnswer) return wrongAnswer;
            if (!Blocks(lines, row, (int)prompt).TryGet(out var blocks, out var problem)) return problem;
            return new Arrival(TimeSpan.FromMilliseconds(milliseconds), (int)prompt, (int)generated, blocks);
        }
        catch (JsonException error)
        {
            // Its own message says "LineNumber: 0", which is not the file's.
            return lines.Wrong($"no JSON from byte {error.BytePositionInLine} on; expected an object with timestamp, input_length, output_length and hash_ids");
        }
    }

    private static Problem? Whole(TraceLines lines, JsonElement row, string key, long least, out long value)
    {
        value = 0;
        return row.TryGetProperty(key, out var element) && element.ValueKind == JsonValueKind.Number
            && element.TryGetInt64(out value) && value >= least && value <= int.MaxValue
                ? null
                : lines.Wrong($"{key} must be a whole number from {least} to {int.MaxValue}");
    }

    /// <summary>Only full blocks are ever shared, so the last one counts when the prompt fills it.</summary>
    private static Result<ulong[]> Blocks(TraceLines lines, JsonElement row, int prompt)
    {
        const string Rule = "hash_ids must be a list of whole numbers from 0";
        if (!row.TryGetProperty("hash_ids", out var list) || list.ValueKind != JsonValueKind.Array) return lines.Wrong(Rule);
        var blocks = new ulong[Math.Min(list.GetArrayLength(), prompt / BlockTokens)];
        var index = 0;
        foreach (var element in list.EnumerateArray())
        {
            if (element.ValueKind != JsonValueKind.Number || !element.TryGetUInt64(out var id)) return lines.Wrong(Rule);
            if (index < blocks.Length) blocks[index++] = id;
        }

        return blocks;
    }
}
