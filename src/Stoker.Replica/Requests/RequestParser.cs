using System.Text.Json;
using System.Text.Unicode;
using Stoker.Api.Replicas;

namespace Stoker.Replica.Requests;

/// <summary>Bytes to <see cref="InferenceRequest"/>: one pass, every field known and in range, nothing twice.</summary>
internal static partial class RequestParser
{
    // The gateway's limit too: what it lets through is not called malformed here.
    private static readonly JsonReaderOptions ReaderOptions = new() { MaxDepth = 64 };

    /// <param name="relaxed">Top-level fields that nobody knows are passed over; known ones that do not work are
    /// refused all the same.</param>
    /// <exception cref="ApiException">The body breaks a rule; the error names the field.</exception>
    public static InferenceRequest Parse(ReadOnlySpan<byte> body, RequestKind kind, bool relaxed = false)
    {
        if (!Utf8.IsValid(body))
        {
            throw new ApiException(ApiError.Invalid(null, "The body is not valid UTF-8.", "invalid_json"));
        }

        var request = new InferenceRequest { Kind = kind };
        try
        {
            Read(body, request, relaxed);
            return request;
        }
        catch (JsonException error)
        {
            request.Dispose();

            // Not the exception's own message: it quotes the body.
            throw new ApiException(ApiError.Invalid(
                null, $"The body is not valid JSON: line {error.LineNumber + 1}, byte {error.BytePositionInLine + 1}.", "invalid_json"));
        }
        catch
        {
            request.Dispose();
            throw;
        }
    }

    private static void Read(ReadOnlySpan<byte> body, InferenceRequest request, bool relaxed)
    {
        var reader = new Utf8JsonReader(body, ReaderOptions);
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            throw new ApiException(ApiError.Invalid(null, "The body must be a JSON object.", "invalid_json"));
        }

        var draft = new Draft(request);
        var seen = new HashSet<string>(StringComparer.Ordinal);
        while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
        {
            var name = Field.Name(ref reader, "body");
            if (!seen.Add(name)) throw Field.Repeated(Field.Shown(name));
            reader.Read();
            ReadField(ref reader, name, draft, relaxed);
        }

        reader.Read(); // anything after the object is malformed and throws here
        draft.Finish();
    }

    private static void ReadField(ref Utf8JsonReader reader, string name, Draft draft, bool relaxed)
    {
        if (RefusedParameters.Reason(name) is { } reason)
        {
            Refuse(ref reader, name, reason);
        }
        else if (!ReadSampling(ref reader, name, draft) && !ReadAnswer(ref reader, name, draft.Request, draft)
            && !ReadInput(ref reader, name, draft) && !ReadHarmless(ref reader, name))
        {
            if (!relaxed) throw Field.Unknown(Field.Shown(name));
            reader.Skip();
        }
    }

    private static bool ReadInput(ref Utf8JsonReader reader, string name, Draft draft)
    {
        var request = draft.Request;
        switch (name)
        {
            case "model": request.Model = Field.Text(ref reader, name); return true;
            case "messages" when request.Kind == RequestKind.Chat: request.Messages = MessagesReader.Read(ref reader); return true;
            case "prompt" when request.Kind == RequestKind.Text: PromptReader.Read(ref reader, request.Prompts); return true;
            case "safe_tokenization" when request.Kind == RequestKind.Chat:
                request.SafeTokenization = Field.Flag(ref reader, name) ?? false;
                return true;
            case PromptTruncation.Name when request.Kind == RequestKind.Chat:
                request.PromptTruncateLength = (int?)Field.Integer(ref reader, name, 1, int.MaxValue);
                return true;
            case "prediction": draft.SetPrediction(name, PredictionReader.Read(ref reader)); return true;
            case "speculation": draft.SetPrediction(name, PredictionReader.ReadSpeculation(ref reader)); return true;
            case "disable_speculation": request.DisableSpeculation = Field.Flag(ref reader, name) ?? false; return true;
            case "prompt_cache_isolation_key": request.IsolationKey = ReadIsolationKey(ref reader, name); return true;
            case ReplicaProtocol.ResumeField: request.Answered = PromptReader.ReadAnswered(ref reader); return true;
            case "response_format": RequireText(ref reader, name); return true;
            case "context_length_exceeded_behavior":
                request.FailWhenTooLong = Choice(ref reader, name, "truncate", "error") == "error";
                return true;
            default: return false;
        }
    }

    /// <summary>
    /// Fields that say something to others: who asks, why, and where to route. They change nothing in an answer.
    /// </summary>
    private static bool ReadHarmless(ref Utf8JsonReader reader, string name)
    {
        switch (name)
        {
            case "user" or "prompt_cache_key": Field.Text(ref reader, name); return true;
            // only priority would differ
            case "service_tier": Choice(ref reader, name, "auto", "default", "flex"); return true;
            case "metadata": ReadMetadata(ref reader); return true;
            case "store":
                if (Field.Flag(ref reader, name) is true) Refuse(ref reader, name, "answers are never stored here; leave it out or send false");
                return true;
            default: return false;
        }
    }

    private static string? ReadIsolationKey(ref Utf8JsonReader reader, string name)
    {
        const int Most = ReplicaProtocol.MostIsolationKeyLength;
        var key = Field.Text(ref reader, name);
        return key is { Length: 0 or > Most } ? throw Field.Refused(name, $"must have 1 to {Most} characters") : key;
    }

    private static void ReadMetadata(ref Utf8JsonReader reader)
    {
        if (reader.TokenType == JsonTokenType.Null) return;
        Field.Begin(ref reader, JsonTokenType.StartObject, "metadata");
        while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
        {
            var field = $"metadata.{Field.Shown(Field.Name(ref reader, "metadata"))}";
            reader.Read();
            if (Field.Text(ref reader, field) is null) throw Field.Refused(field, "must be a string");
        }
    }

    private static void RequireText(ref Utf8JsonReader reader, string name)
    {
        if (reader.TokenType == JsonTokenType.Null) return;
        Field.Begin(ref reader, JsonTokenType.StartObject, name);
        var text = false;
        while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
        {
            var isType = reader.ValueTextEquals("type"u8);
            reader.Read();
            text = isType && reader.TokenType == JsonTokenType.String && reader.ValueTextEquals("text"u8);
            if (!text) break;
        }

        if (!text) Refuse(ref reader, name, "structured output is not available on this deployment yet; use {\"type\": \"text\"} or leave it out");
    }

    private static string? Choice(ref Utf8JsonReader reader, string name, params ReadOnlySpan<string> allowed)
    {
        var value = Field.Text(ref reader, name);
        return value is null || allowed.Contains(value)
            ? value
            : throw Field.Refused(name, $"must be one of {string.Join(", ", allowed)}");
    }

    private static void Refuse(ref Utf8JsonReader reader, string name, string reason)
    {
        if (reader.TokenType == JsonTokenType.Null) return;
        throw new ApiException(ApiError.Unsupported(name, $"'{name}' is not supported: {reason}."));
    }

    /// <summary>What a field says before the fields together can be judged.</summary>
    private sealed class Draft(InferenceRequest request)
    {
        public InferenceRequest Request { get; } = request;

        public int? MaxTokens { get; set; }

        public int? MaxCompletionTokens { get; set; }

        public int? TopLogprobs { get; set; }

        public bool LegacyLogprobs { get; set; }

        /// <summary>Two names for one thing; null says nothing.</summary>
        public void SetPrediction(string name, Prompt? prediction)
        {
            if (prediction is null) return;
            if (Request.Prediction is not null) throw Field.Refused(name, "is another way to predict the answer; send prediction or speculation, not both");
            (Request.Prediction, Request.PredictionName) = (prediction, name);
        }

        public void Finish()
        {
            if (Request.Model is null) throw Field.Refused("model", "is required");
            if (Request.Kind == RequestKind.Chat && Request.Messages is null)
            {
                throw Field.Refused("messages", "is required");
            }

            if (Request.Kind == RequestKind.Text && Request.Prompts.Count == 0)
            {
                throw Field.Refused("prompt", "is required");
            }

            if (Request.Prediction is not null && Request.Prompts.Count > 1)
            {
                throw Field.Refused(Request.PredictionName, $"is what the answer to one prompt will be, and there are {Request.Prompts.Count}; send a request for each prompt");
            }

            if (Request is { SafeTokenization: true, PromptTruncateLength: not null })
            {
                throw Field.Refused(PromptTruncation.Name, "cannot be combined with safe_tokenization; send one of them");
            }

            FinishLimits();
            FinishLogprobs();
            if (Request.Echo && Request.EchoLast is not null)
            {
                throw Field.Refused("echo_last", "cannot be combined with echo; send one of them");
            }

            if (Request.IncludeUsage && !Request.Stream)
            {
                throw Field.Refused("stream_options", "needs stream to be true");
            }

            if (Request.Prompts.Count * Request.Choices > PromptReader.MostPrompts)
            {
                throw Field.Refused("n", $"times the number of prompts must be at most {PromptReader.MostPrompts}");
            }
        }

        private void FinishLimits()
        {
            if (MaxTokens is not null && MaxCompletionTokens is not null)
            {
                throw Field.Refused("max_completion_tokens", "is another name of max_tokens; send one of them");
            }

            Request.MaxTokens = MaxTokens ?? MaxCompletionTokens;
            var scores = Request.Echo || Request.EchoLast is not null;
            if (Request.MaxTokens == 0 && !scores)
            {
                throw Field.Refused("max_tokens", "must be at least 1; 0 makes sense with echo only");
            }

            if (Request.MinTokens > (Request.MaxTokens ?? InferenceRequest.DefaultMaxTokens))
            {
                throw Field.Refused("min_tokens", "must not be above max_tokens");
            }
        }

        private void FinishLogprobs()
        {
            if (TopLogprobs is null) return;
            if (LegacyLogprobs) throw Field.Refused("top_logprobs", "cannot be combined with an integer in logprobs; send logprobs as true");
            if (Request.Logprobs == LogprobsForm.None) throw Field.Refused("top_logprobs", "needs logprobs to be true");
            Request.TopLogprobs = TopLogprobs.Value;
        }
    }
}
