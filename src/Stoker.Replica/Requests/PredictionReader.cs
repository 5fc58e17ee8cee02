using System.Text.Json;

namespace Stoker.Replica.Requests;

/// <summary>
/// Reads what a caller expects the answer to be: <c>prediction</c>, a text or OpenAI's object with one, and <c>speculation</c>, a text or token
/// ids.
/// </summary>
internal static class PredictionReader
{
    private const string Name = "prediction";
    private const string Form = "must be a string, or an object with type content and the expected text as content";

    /// <returns>Null where nothing is said, or nothing expected.</returns>
    public static Prompt? Read(ref Utf8JsonReader reader)
    {
        switch (reader.TokenType)
        {
            case JsonTokenType.Null: return null;
            case JsonTokenType.String: return Text(Field.Text(ref reader, Name));
            case JsonTokenType.StartObject: return Text(ReadObject(ref reader));
            default: throw Field.Refused(Name, Form);
        }
    }

    public static Prompt? ReadSpeculation(ref Utf8JsonReader reader)
    {
        const string Speculation = "speculation";
        switch (reader.TokenType)
        {
            case JsonTokenType.Null: return null;
            case JsonTokenType.String: return Text(Field.Text(ref reader, Speculation));
            case JsonTokenType.StartArray: return PromptReader.ReadTokenArray(ref reader, Speculation) is { Length: > 0 } tokens ? new(null, tokens) : null;
            default: throw Field.Refused(Speculation, "must be a string or an array of token ids");
        }
    }

    private static Prompt? Text(string? text) => string.IsNullOrEmpty(text) ? null : new(text, null);

    private static string ReadObject(ref Utf8JsonReader reader)
    {
        string? type = null, content = null;
        var seen = new HashSet<string>(StringComparer.Ordinal);
        while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
        {
            var key = Field.Name(ref reader, Name);
            var field = $"{Name}.{Field.Shown(key)}";
            if (!seen.Add(key)) throw Field.Repeated(field);
            reader.Read();
            switch (key)
            {
                case "type": type = Field.Text(ref reader, field); break;
                case "content": content = MessagesReader.Content(ref reader, field, joint: ""); break;
                default: throw Field.Unknown(field);
            }
        }

        if (type != "content") throw Field.Refused($"{Name}.type", "must be content");
        return content ?? throw Field.Refused($"{Name}.content", "is required and must be a string or an array of text parts");
    }
}
