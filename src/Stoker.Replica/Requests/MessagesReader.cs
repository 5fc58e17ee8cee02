using System.Buffers;
using System.Text.Json;

namespace Stoker.Replica.Requests;

/// <summary>
/// Checks <c>messages</c> and writes them in the normal form that chat templates expect: known keys only, content one
/// string.
/// </summary>
internal static class MessagesReader
{
    // Templates loop over messages; a bound on their number bounds that work. No conversation that fits a context comes
    // near it.
    private const int MostMessages = 16_384;

    private const string Roles = "system, user, assistant";

    public static JsonDocument? Read(ref Utf8JsonReader reader)
    {
        if (reader.TokenType == JsonTokenType.Null) return null;
        Field.Begin(ref reader, JsonTokenType.StartArray, "messages");
        var buffer = new ArrayBufferWriter<byte>();
        using var writer = new Utf8JsonWriter(buffer);
        writer.WriteStartArray();
        var index = 0;
        for (; reader.Read() && reader.TokenType != JsonTokenType.EndArray; index++)
        {
            if (index == MostMessages) throw Field.Refused("messages", $"must have at most {MostMessages} entries");
            ReadMessage(ref reader, $"messages[{index}]", writer);
        }

        if (index == 0) throw Field.Refused("messages", "must have at least one entry");
        writer.WriteEndArray();
        writer.Flush();
        return JsonDocument.Parse(buffer.WrittenMemory);
    }

    private static void ReadMessage(ref Utf8JsonReader reader, string path, Utf8JsonWriter writer)
    {
        Field.Begin(ref reader, JsonTokenType.StartObject, path);
        string? role = null, content = null, name = null, reasoning = null;
        var seen = new HashSet<string>(StringComparer.Ordinal);
        while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
        {
            var key = Field.Name(ref reader, path);
            var field = $"{path}.{Field.Shown(key)}";
            if (!seen.Add(key)) throw Field.Repeated(field);
            reader.Read();
            switch (key)
            {
                case "role": role = Role(ref reader, field); break;
                case "content": content = Content(ref reader, field); break;
                case "name": name = Field.Text(ref reader, field); break;
                case "reasoning_content": reasoning = Field.Text(ref reader, field); break;
                case "tool_calls" or "tool_call_id" or "function_call": RefuseTools(ref reader, field); break;
                default: throw Field.Unknown(field);
            }
        }

        if (role is null) throw Field.Refused($"{path}.role", $"is required and must be one of {Roles}");
        if (content is null)
        {
            throw Field.Refused($"{path}.content", "is required and must be a string or an array of text parts");
        }

        if (reasoning is not null && role != "assistant") throw Field.Refused($"{path}.reasoning_content", "belongs to assistant messages only");
        Write(writer, role, content, name, reasoning);
    }

    private static void Write(Utf8JsonWriter writer, string role, string content, string? name, string? reasoning)
    {
        writer.WriteStartObject();
        writer.WriteString("role", role);
        writer.WriteString("content", content);
        if (name is not null) writer.WriteString("name", name);
        if (reasoning is not null) writer.WriteString("reasoning_content", reasoning);
        writer.WriteEndObject();
    }

    private static string? Role(ref Utf8JsonReader reader, string field) => Field.Text(ref reader, field) switch
    {
        null => null,
        "system" => "system",
        "user" => "user",
        "assistant" => "assistant",
        "tool" or "function" => throw new ApiException(ApiError.Unsupported(
            field, $"'{field}': tool results are not available on this deployment yet; use {Roles}.")),
        _ => throw Field.Refused(field, $"must be one of {Roles}"),
    };

    /// <param name="joint">Between parts.</param>
    public static string? Content(ref Utf8JsonReader reader, string field, string joint = "\n")
    {
        if (reader.TokenType != JsonTokenType.StartArray)
        {
            return reader.TokenType is JsonTokenType.String or JsonTokenType.Null
                ? Field.Text(ref reader, field)
                : throw Field.Refused(field, "must be a string or an array of text parts");
        }

        var parts = new List<string>();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            parts.Add(Part(ref reader, $"{field}[{parts.Count}]"));
        }

        return string.Join(joint, parts);
    }

    private static string Part(ref Utf8JsonReader reader, string path)
    {
        Field.Begin(ref reader, JsonTokenType.StartObject, path);
        string? type = null, text = null;
        var seen = new HashSet<string>(StringComparer.Ordinal);
        while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
        {
            var key = Field.Name(ref reader, path);
            var field = $"{path}.{Field.Shown(key)}";
            if (!seen.Add(key)) throw Field.Repeated(field);
            reader.Read();
            switch (key)
            {
                case "type": type = Field.Text(ref reader, field); break;
                case "text": text = Field.Text(ref reader, field); break;
                case "image_url" or "video_url":
                    throw new ApiException(ApiError.Unsupported(field, $"'{field}': this model reads text only; send parts of type text."));
                default: throw Field.Unknown(field);
            }
        }

        if (type != "text") throw Field.Refused($"{path}.type", "must be text: this model reads text only");
        return text ?? throw Field.Refused($"{path}.text", "is required and must be a string");
    }

    private static void RefuseTools(ref Utf8JsonReader reader, string field)
    {
        if (reader.TokenType == JsonTokenType.Null) return;
        throw new ApiException(ApiError.Unsupported(field, $"'{field}': tool calling is not available on this deployment yet; leave it out."));
    }
}
