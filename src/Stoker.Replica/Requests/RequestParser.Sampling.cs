using System.Globalization;
using System.Text.Json;

namespace Stoker.Replica.Requests;

/// <summary>
/// The fields about choosing tokens and about the answer's shape. Ranges are those of the public surface.
/// </summary>
internal static partial class RequestParser
{
    private const int MostStops = 4;
    private const int MostTopLogprobs = 5;

    // The vocabulary bounds it anyway; this bounds the work before the vocabulary is known.
    private const int MostBiases = 65_536;

    private static bool ReadSampling(ref Utf8JsonReader reader, string name, Draft draft)
    {
        var sampling = draft.Request.Sampling;
        switch (name)
        {
            case "temperature": sampling = sampling with { Temperature = Field.Number(ref reader, name, 0, 2) }; break;
            case "top_p": sampling = sampling with { TopP = Field.Number(ref reader, name, 0, 1, leastExcluded: true) }; break;
            case "min_p": sampling = sampling with { MinP = Field.Number(ref reader, name, 0, 1) }; break;
            case "top_k": sampling = sampling with { TopK = (int?)Field.Integer(ref reader, name, 0, 100) }; break;
            case "frequency_penalty": sampling = sampling with { FrequencyPenalty = Field.Number(ref reader, name, -2, 2) }; break;
            case "presence_penalty": sampling = sampling with { PresencePenalty = Field.Number(ref reader, name, -2, 2) }; break;
            case "repetition_penalty":
                sampling = sampling with { RepetitionPenalty = Field.Number(ref reader, name, 0, 2, leastExcluded: true) };
                break;
            case "seed": sampling = sampling with { Seed = Field.Integer(ref reader, name, long.MinValue, long.MaxValue) }; break;
            case "logit_bias": sampling = sampling with { LogitBias = ReadBiases(ref reader) }; break;
            case "typical_p":
                if (Field.Number(ref reader, name, 0, 1) is < 1) Refuse(ref reader, name, "typical sampling is not available; send 1 or leave it out");
                break;
            default: return false;
        }

        draft.Request.Sampling = sampling;
        return true;
    }

    private static bool ReadAnswer(ref Utf8JsonReader reader, string name, InferenceRequest request, Draft draft)
    {
        switch (name)
        {
            case "max_tokens": draft.MaxTokens = (int?)Field.Integer(ref reader, name, 0, int.MaxValue); return true;
            case "max_completion_tokens": draft.MaxCompletionTokens = (int?)Field.Integer(ref reader, name, 0, int.MaxValue); return true;
            case "min_tokens": request.MinTokens = (int)(Field.Integer(ref reader, name, 0, int.MaxValue) ?? 0); return true;
            case "n": request.Choices = (int)(Field.Integer(ref reader, name, 1, 128) ?? 1); return true;
            case "stop": request.Stop = ReadStops(ref reader); return true;
            case "stream": request.Stream = Field.Flag(ref reader, name) ?? false; return true;
            case "stream_options": request.IncludeUsage = ReadStreamOptions(ref reader); return true;
            case "logprobs": ReadLogprobs(ref reader, draft); return true;
            case "top_logprobs": draft.TopLogprobs = (int?)Field.Integer(ref reader, name, 0, MostTopLogprobs); return true;
            case "echo": request.Echo = Field.Flag(ref reader, name) ?? false; return true;
            case "echo_last": request.EchoLast = (int?)Field.Integer(ref reader, name, 0, int.MaxValue); return true;
            case "ignore_eos": request.IgnoreEos = Field.Flag(ref reader, name) ?? false; return true;
            case "raw_output": request.RawOutput = Field.Flag(ref reader, name) ?? false; return true;
            case "perf_metrics_in_response": request.PerfMetrics = Field.Flag(ref reader, name) ?? false; return true;
            case "return_token_ids": request.ReturnTokenIds = Field.Flag(ref reader, name) ?? false; return true;
            default: return false;
        }
    }

    private static void ReadLogprobs(ref Utf8JsonReader reader, Draft draft)
    {
        if (reader.TokenType == JsonTokenType.Number)
        {
            draft.Request.TopLogprobs = (int)Field.Integer(ref reader, "logprobs", 0, MostTopLogprobs)!;
            (draft.Request.Logprobs, draft.LegacyLogprobs) = (LogprobsForm.Legacy, true);
        }
        else if (reader.TokenType is JsonTokenType.True or JsonTokenType.False or JsonTokenType.Null)
        {
            draft.Request.Logprobs = reader.TokenType == JsonTokenType.True ? LogprobsForm.Content : LogprobsForm.None;
        }
        else
        {
            throw Field.Refused("logprobs", $"must be true, false or an integer from 0 to {MostTopLogprobs}");
        }
    }

    private static string[] ReadStops(ref Utf8JsonReader reader)
    {
        if (reader.TokenType == JsonTokenType.Null) return [];
        if (reader.TokenType == JsonTokenType.String) return [NotEmpty(Field.Text(ref reader, "stop")!, "stop")];
        if (reader.TokenType != JsonTokenType.StartArray)
        {
            throw Field.Refused("stop", $"must be a string or an array of up to {MostStops} strings");
        }

        var stops = new List<string>();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            var path = $"stop[{stops.Count}]";
            if (stops.Count == MostStops) throw Field.Refused("stop", $"must have at most {MostStops} entries");
            stops.Add(NotEmpty(Field.Text(ref reader, path) ?? throw Field.Refused(path, "must be a string"), path));
        }

        return [.. stops];
    }

    private static string NotEmpty(string stop, string path) =>
        stop.Length > 0 ? stop : throw Field.Refused(path, "must not be empty");

    private static bool ReadStreamOptions(ref Utf8JsonReader reader)
    {
        if (reader.TokenType == JsonTokenType.Null) return false;
        Field.Begin(ref reader, JsonTokenType.StartObject, "stream_options");
        var (include, seen) = (false, false);
        while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
        {
            var field = $"stream_options.{Field.Shown(Field.Name(ref reader, "stream_options"))}";
            if (field != "stream_options.include_usage") throw Field.Unknown(field);
            if (seen) throw Field.Repeated(field);
            reader.Read();
            (include, seen) = (Field.Flag(ref reader, field) ?? false, true);
        }

        return include;
    }

    private static Dictionary<int, double>? ReadBiases(ref Utf8JsonReader reader)
    {
        if (reader.TokenType == JsonTokenType.Null) return null;
        Field.Begin(ref reader, JsonTokenType.StartObject, "logit_bias");
        var biases = new Dictionary<int, double>();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
        {
            var key = Field.Name(ref reader, "logit_bias");
            var path = $"logit_bias.{Field.Shown(key)}";
            if (!int.TryParse(key, NumberStyles.None, CultureInfo.InvariantCulture, out var id))
            {
                throw Field.Refused(path, "must be named by a token id");
            }

            if (biases.Count == MostBiases)
            {
                throw Field.Refused("logit_bias", $"must have at most {MostBiases} entries");
            }

            reader.Read();
            var bias = Field.Number(ref reader, path, -100, 100) ?? throw Field.Refused(path, "must be a number from -100 to 100");
            if (!biases.TryAdd(id, bias)) throw Field.Repeated(path);
        }

        return biases;
    }
}
