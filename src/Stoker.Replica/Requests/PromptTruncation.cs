using System.Buffers;
using System.Text.Json;
using Stoker.Replica.Engines;

namespace Stoker.Replica.Requests;

/// <summary>Drops the oldest messages of a conversation until its prompt is as short as the request asks.</summary>
/// <remarks>
/// System messages stay, wherever they are, and so does the last message. What is left begins with a message of the user: an answer makes no sense
/// without its question, and templates that want the roles in turns would refuse it. No message is cut in itself.
/// </remarks>
internal static class PromptTruncation
{
    public const string Name = "prompt_truncate_len";

    /// <param name="most">Tokens of the prompt.</param>
    /// <exception cref="ApiException">What must stay is longer, or the template refuses what is left.</exception>
    public static int[] Encode(IReplicaEngine engine, JsonElement messages, int most)
    {
        var whole = engine.EncodeChat(messages, safeTokenization: false);
        if (whole.Length <= most) return whole;
        var starts = Starts(messages);
        var (kept, least, low, high) = ((int[]?)null, whole.Length, 0, starts.Count - 1);
        while (low <= high) // the later the beginning, the shorter the prompt
        {
            var middle = (low + high) / 2;
            var tokens = EncodeFrom(engine, messages, starts[middle]);
            least = Math.Min(least, tokens.Length);
            if (tokens.Length <= most) (kept, high) = (tokens, middle - 1);
            else low = middle + 1;
        }

        return kept ?? throw new ApiException(ApiError.Invalid(
            Name, $"'{Name}' is {most}, but the system messages and the last message have {least} tokens, and no message is cut in itself. Raise it, or shorten them.",
            "context_length_exceeded"));
    }

    /// <summary>Where a shortened conversation may begin, besides its system messages; the first possible beginning, which drops nothing, is left out.</summary>
    private static List<int> Starts(JsonElement messages)
    {
        var (starts, index, first, last) = (new List<int>(), 0, -1, -1);
        foreach (var message in messages.EnumerateArray())
        {
            var role = message.GetProperty("role").GetString();
            if (role == "user" && first >= 0) starts.Add(index);
            if (role != "system") (first, last) = (first < 0 ? index : first, index);
            index++;
        }

        if (last > first && (starts.Count == 0 || starts[^1] != last)) starts.Add(last);
        return starts;
    }

    private static int[] EncodeFrom(IReplicaEngine engine, JsonElement messages, int start)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartArray();
            var index = 0;
            foreach (var message in messages.EnumerateArray())
            {
                if (index++ >= start || message.GetProperty("role").ValueEquals("system"u8)) message.WriteTo(writer);
            }

            writer.WriteEndArray();
        }

        using var shortened = JsonDocument.Parse(buffer.WrittenMemory);
        return engine.EncodeChat(shortened.RootElement, safeTokenization: false);
    }
}
