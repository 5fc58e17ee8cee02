using System.Text.Json;
using Stoker.Api.Replicas;

namespace Stoker.Replica.Requests;

/// <summary>Reads the four forms of <c>prompt</c>: a text, texts, token ids, and lists of token ids.</summary>
internal static class PromptReader
{
    /// <summary>Prompts in one request; each is a sequence of its own in the engine.</summary>
    public const int MostPrompts = 128;

    private const string Forms =
        "must be a string, an array of strings, an array of token ids or an array of arrays of token ids";

    public static void Read(ref Utf8JsonReader reader, List<Prompt> prompts)
    {
        switch (reader.TokenType)
        {
            case JsonTokenType.Null: return;
            case JsonTokenType.String: prompts.Add(new(Field.Text(ref reader, "prompt"), null)); return;
            case JsonTokenType.StartArray: ReadArray(ref reader, prompts); return;
            default: throw Field.Refused("prompt", Forms);
        }
    }

    private static void ReadArray(ref Utf8JsonReader reader, List<Prompt> prompts)
    {
        reader.Read();
        if (reader.TokenType == JsonTokenType.EndArray) throw Field.Refused("prompt", "must not be an empty array");
        if (reader.TokenType == JsonTokenType.Number)
        {
            prompts.Add(new(null, ReadTokens(ref reader, "prompt")));
            return;
        }

        var texts = reader.TokenType == JsonTokenType.String;
        for (; reader.TokenType != JsonTokenType.EndArray; reader.Read())
        {
            var path = $"prompt[{prompts.Count}]";
            if (prompts.Count == MostPrompts) throw Field.Refused("prompt", $"must have at most {MostPrompts} entries");
            prompts.Add(reader.TokenType switch
            {
                JsonTokenType.String when texts => new(Field.Text(ref reader, path), null),
                JsonTokenType.StartArray when !texts && reader.Read() => new(null, ReadTokens(ref reader, path)),
                _ => throw Field.Refused(path, Forms),
            });
        }
    }

    /// <summary>The tokens of an answer's beginning.</summary>
    public static int[] ReadAnswered(ref Utf8JsonReader reader) => ReadTokenArray(ref reader, ReplicaProtocol.ResumeField);

    /// <summary>Token ids; none are allowed too.</summary>
    public static int[] ReadTokenArray(ref Utf8JsonReader reader, string path)
    {
        Field.Begin(ref reader, JsonTokenType.StartArray, path);
        reader.Read();
        return reader.TokenType == JsonTokenType.EndArray ? [] : ReadTokens(ref reader, path);
    }

    /// <summary>From the first element to the array's end.</summary>
    private static int[] ReadTokens(ref Utf8JsonReader reader, string path)
    {
        var tokens = new List<int>();
        for (; reader.TokenType != JsonTokenType.EndArray; reader.Read())
        {
            if (reader.TokenType != JsonTokenType.Number || !reader.TryGetInt32(out var id) || id < 0)
            {
                throw Field.Refused($"{path}[{tokens.Count}]", "must be a token id, an integer that is not negative");
            }

            tokens.Add(id);
        }

        return tokens.Count > 0 ? [.. tokens] : throw Field.Refused(path, "must have at least one token id");
    }
}
