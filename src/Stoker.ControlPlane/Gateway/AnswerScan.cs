using System.Text.Json;

namespace Stoker.ControlPlane.Gateway;

/// <summary>What stands in a whole answer: where its model's name is, and its usage.</summary>
/// <param name="ModelStart">First byte of the JSON string; -1 when there is none.</param>
internal readonly record struct ScannedAnswer(int ModelStart, int ModelEnd, int? PromptTokens, int? CachedTokens, int? GeneratedTokens = null);

internal static class AnswerScan
{
    /// <returns>Null when the bytes are no JSON object.</returns>
    public static ScannedAnswer? Run(ReadOnlySpan<byte> body)
    {
        var reader = new Utf8JsonReader(body, new JsonReaderOptions { MaxDepth = 128 });
        var answer = new ScannedAnswer(-1, -1, null, null);
        try
        {
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject) return null;
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                var (isModel, isUsage) = (reader.ValueTextEquals("model"u8), reader.ValueTextEquals("usage"u8));
                reader.Read();
                if (isModel && reader.TokenType == JsonTokenType.String)
                {
                    answer = answer with { ModelStart = (int)reader.TokenStartIndex, ModelEnd = (int)reader.BytesConsumed };
                }
                else if (isUsage && reader.TokenType == JsonTokenType.StartObject)
                {
                    answer = ReadUsage(ref reader, answer);
                }
                else
                {
                    reader.Skip();
                }
            }

            reader.Read();
            return answer;
        }
        catch (JsonException)
        {
            return null; // its message may quote the answer: it goes nowhere
        }
    }

    /// <summary>
    /// Whether a body is an error that an OpenAI client can read: an object with an object <c>error</c>.
    /// </summary>
    public static bool IsError(ReadOnlySpan<byte> body)
    {
        var reader = new Utf8JsonReader(body);
        try
        {
            var found = false;
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject) return false;
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                var isError = reader.ValueTextEquals("error"u8);
                reader.Read();
                found |= isError && reader.TokenType == JsonTokenType.StartObject;
                reader.Skip();
            }

            return found && !reader.Read();
        }
        catch (JsonException)
        {
            return false;
        }
    }

    private static ScannedAnswer ReadUsage(ref Utf8JsonReader reader, ScannedAnswer answer)
    {
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isPrompt = reader.ValueTextEquals("prompt_tokens"u8);
            var isGenerated = reader.ValueTextEquals("completion_tokens"u8);
            var isDetails = reader.ValueTextEquals("prompt_tokens_details"u8);
            reader.Read();
            if (isPrompt && TryCount(ref reader) is { } prompt) answer = answer with { PromptTokens = prompt };
            else if (isGenerated && TryCount(ref reader) is { } generated) answer = answer with { GeneratedTokens = generated };
            else if (isDetails && reader.TokenType == JsonTokenType.StartObject) answer = ReadDetails(ref reader, answer);
            else reader.Skip();
        }

        return answer;
    }

    private static ScannedAnswer ReadDetails(ref Utf8JsonReader reader, ScannedAnswer answer)
    {
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isCached = reader.ValueTextEquals("cached_tokens"u8);
            reader.Read();
            if (isCached && TryCount(ref reader) is { } cached) answer = answer with { CachedTokens = cached };
            else reader.Skip();
        }

        return answer;
    }

    private static int? TryCount(ref Utf8JsonReader reader) =>
        reader.TokenType == JsonTokenType.Number && reader.TryGetInt32(out var count) && count >= 0 ? count : null;
}
