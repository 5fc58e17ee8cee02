using System.Text.Json;
using Stoker.Engine;
using Stoker.Replica.Requests;

namespace Stoker.Replica.Answers;

/// <summary>
/// Log-probabilities in the two shapes of the surface: parallel arrays (asked for by an integer) and OpenAI's
/// <c>content</c> list.
/// </summary>
internal static class LogprobsJson
{
    public static void Write(Utf8JsonWriter json, LogprobsForm form, IReadOnlyList<GeneratedToken> tokens)
    {
        json.WriteStartObject("logprobs"u8);
        if (form == LogprobsForm.Content) WriteContent(json, tokens);
        else WriteLegacy(json, tokens);
        json.WriteEndObject();
    }

    private static void WriteContent(Utf8JsonWriter json, IReadOnlyList<GeneratedToken> tokens)
    {
        json.WriteStartArray("content"u8);
        foreach (var token in tokens)
        {
            json.WriteStartObject();
            WriteToken(json, token.Id, token.Bytes, token.Logprob);
            json.WriteNumber("text_offset"u8, token.TextOffset);
            json.WriteStartArray("top_logprobs"u8);
            foreach (var top in token.TopLogprobs)
            {
                json.WriteStartObject();
                WriteToken(json, top.Id, top.Bytes, top.Logprob);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void WriteToken(Utf8JsonWriter json, int id, ReadOnlyMemory<byte> bytes, double? logprob)
    {
        json.WriteString("token"u8, System.Text.Encoding.UTF8.GetString(bytes.Span)); // half a code point becomes U+FFFD; "bytes" is exact
        WriteLogprob(json, "logprob"u8, logprob);
        json.WriteNumber("token_id"u8, id);
        json.WriteStartArray("bytes"u8);
        foreach (var value in bytes.Span) json.WriteNumberValue(value);
        json.WriteEndArray();
    }

    private static void WriteLegacy(Utf8JsonWriter json, IReadOnlyList<GeneratedToken> tokens)
    {
        json.WriteStartArray("tokens"u8);
        foreach (var token in tokens) json.WriteStringValue(token.Text);
        json.WriteEndArray();
        json.WriteStartArray("token_logprobs"u8);
        foreach (var token in tokens) WriteLogprob(json, token.Logprob);
        json.WriteEndArray();
        json.WriteStartArray("top_logprobs"u8);
        foreach (var token in tokens) WriteTop(json, token.TopLogprobs, known: token.Logprob is not null);
        json.WriteEndArray();
        json.WriteStartArray("text_offset"u8);
        foreach (var token in tokens) json.WriteNumberValue(token.TextOffset);
        json.WriteEndArray();
        AnswerJson.WriteTokens(json, "token_ids"u8, tokens);
    }

    private static void WriteTop(Utf8JsonWriter json, IReadOnlyList<TokenLogprob> top, bool known)
    {
        if (!known)
        {
            json.WriteNullValue(); // the first token of a prompt: nothing predicts it
            return;
        }

        // Different ids may have the same text (parts of code points have); a key stands once, for the most likely of
        // them.
        var seen = new HashSet<string>(StringComparer.Ordinal);
        json.WriteStartObject();
        foreach (var item in top)
        {
            if (seen.Add(item.Text)) json.WriteNumber(item.Text, item.Logprob);
        }

        json.WriteEndObject();
    }

    private static void WriteLogprob(Utf8JsonWriter json, ReadOnlySpan<byte> name, double? logprob)
    {
        json.WritePropertyName(name);
        WriteLogprob(json, logprob);
    }

    private static void WriteLogprob(Utf8JsonWriter json, double? logprob)
    {
        if (logprob is { } value) json.WriteNumberValue(value);
        else json.WriteNullValue();
    }
}
