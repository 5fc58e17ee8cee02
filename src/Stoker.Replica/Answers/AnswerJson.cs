using System.Text.Json;
using Stoker.Engine;
using Stoker.Replica.Requests;

namespace Stoker.Replica.Answers;

/// <summary>The pieces of JSON that streamed and whole answers share.</summary>
internal static class AnswerJson
{
    /// <summary>
    /// Answers are read as JSON, never pasted into HTML: plain characters stay as they are, which halves the bytes of
    /// non-Latin text.
    /// </summary>
    public static readonly JsonWriterOptions Options = new()
    {
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        SkipValidation = true,
    };

    public static void WriteHead(Utf8JsonWriter json, AnswerHead head, string type)
    {
        json.WriteString("id"u8, head.Id);
        json.WriteString("object"u8, type);
        json.WriteNumber("created"u8, head.Created);
        json.WriteString("model"u8, head.Model);
    }

    public static void WriteUsage(Utf8JsonWriter json, GenerationUsage usage)
    {
        json.WriteStartObject("usage"u8);
        json.WriteNumber("prompt_tokens"u8, usage.PromptTokens);
        json.WriteNumber("completion_tokens"u8, usage.CompletionTokens);
        json.WriteNumber("total_tokens"u8, usage.PromptTokens + usage.CompletionTokens);
        json.WriteStartObject("prompt_tokens_details"u8);
        json.WriteNumber("cached_tokens"u8, usage.CachedTokens);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    public static void WriteTokens(Utf8JsonWriter json, ReadOnlySpan<byte> name, ReadOnlySpan<int> tokens)
    {
        json.WriteStartArray(name);
        foreach (var id in tokens) json.WriteNumberValue(id);
        json.WriteEndArray();
    }

    public static void WriteTokens(Utf8JsonWriter json, ReadOnlySpan<byte> name, IReadOnlyList<GeneratedToken> tokens)
    {
        json.WriteStartArray(name);
        for (var index = 0; index < tokens.Count; index++) json.WriteNumberValue(tokens[index].Id);
        json.WriteEndArray();
    }

    /// <summary>What went into the model and what came out of it, nothing cut or parsed.</summary>
    public static void WriteRawOutput(Utf8JsonWriter json, AnswerHead head, int choice, IReadOnlyList<int> generated)
    {
        var prompt = head.PromptOf(choice);
        int[] answer = [.. generated];
        json.WriteStartObject("raw_output"u8);
        json.WriteStartArray("prompt_fragments"u8);
        json.WriteStringValue(head.Engine.Decode(prompt));
        json.WriteEndArray();
        WriteTokens(json, "prompt_token_ids"u8, prompt);
        json.WriteString("completion"u8, head.Engine.Decode(answer));
        WriteTokens(json, "completion_token_ids"u8, answer);
        json.WriteEndObject();
    }

    public static void WriteError(Utf8JsonWriter json, ApiError error)
    {
        json.WriteStartObject();
        json.WriteStartObject("error"u8);
        json.WriteString("message"u8, error.Message);
        json.WriteString("type"u8, error.Type);
        json.WriteString("param"u8, error.Parameter);
        json.WriteString("code"u8, error.Code);
        json.WriteEndObject();
        json.WriteEndObject();
    }
}
