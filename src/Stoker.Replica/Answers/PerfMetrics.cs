using System.Globalization;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Stoker.Engine;

namespace Stoker.Replica.Answers;

/// <summary>
/// The surface's performance figures: headers <c>fireworks-NAME</c> of whole answers, and <c>perf_metrics</c> where
/// asked for. Times in seconds.
/// </summary>
internal static class PerfMetrics
{
    public static void WriteHeaders(IHeaderDictionary headers, GenerationUsage usage, Timings timings)
    {
        foreach (var (name, value) in Values(usage, timings))
        {
            headers[$"fireworks-{name}"] = value.ToString(CultureInfo.InvariantCulture);
        }

        if (Acceptance(usage) is { Length: > 0 } rates)
        {
            headers["fireworks-speculation-acceptance"] = string.Join(',', rates.Select(rate => rate.ToString(CultureInfo.InvariantCulture)));
        }
    }

    public static void Write(Utf8JsonWriter json, GenerationUsage usage, Timings timings)
    {
        json.WriteStartObject("perf_metrics"u8);
        foreach (var (name, value) in Values(usage, timings)) json.WriteNumber(name, value);
        if (Acceptance(usage) is { Length: > 0 } rates)
        {
            json.WriteStartArray("speculation-acceptance"u8);
            foreach (var rate in rates) json.WriteNumberValue(rate);
            json.WriteEndArray();
        }

        json.WriteEndObject();
    }

    /// <summary>The defaults in force, so that nobody has to guess where a temperature came from.</summary>
    public static string SamplingHeader(SamplingOptions sampling)
    {
        var buffer = new System.Buffers.ArrayBufferWriter<byte>(128);
        using var json = new Utf8JsonWriter(buffer);
        json.WriteStartObject();
        Write(json, "temperature", sampling.Temperature);
        Write(json, "top_p", sampling.TopP);
        Write(json, "top_k", sampling.TopK);
        Write(json, "min_p", sampling.MinP);
        Write(json, "repetition_penalty", sampling.RepetitionPenalty);
        Write(json, "presence_penalty", sampling.PresencePenalty);
        Write(json, "frequency_penalty", sampling.FrequencyPenalty);
        json.WriteEndObject();
        json.Flush();
        return System.Text.Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    private static void Write(Utf8JsonWriter json, string name, double? value)
    {
        if (value is { } number) json.WriteNumber(name, number);
    }

    private static IEnumerable<(string Name, double Value)> Values(GenerationUsage usage, Timings timings)
    {
        yield return ("prompt-tokens", usage.PromptTokens);
        yield return ("cached-prompt-tokens", usage.CachedTokens);
        if (usage.TimeToFirstToken is { } first)
        {
            yield return ("server-time-to-first-token", Seconds(timings.Tokenizer + first));
            yield return ("prefill-duration", Seconds(first - usage.QueueTime));
            yield return ("generation-duration", Seconds(usage.Duration - first));
        }

        yield return ("server-processing-time", Seconds(timings.Tokenizer + usage.Duration));
        yield return ("prefill-queue-duration", Seconds(usage.QueueTime));
        yield return ("tokenizer-duration", Seconds(timings.Tokenizer));
        yield return ("num-concurrent-requests", timings.ConcurrentRequests);
        if (usage.Speculation is not { } speculation) yield break;
        yield return ("speculation-generated-tokens", speculation.Drafted);
        if (speculation.PredictionTokens == 0) yield break;
        yield return ("speculation-prompt-tokens", speculation.PredictionTokens);
        yield return ("speculation-prompt-matched-tokens", speculation.PredictionMatched);
    }

    /// <summary>Of the drafts at each place, the share that was accepted; none where nothing was drafted.</summary>
    private static double[] Acceptance(GenerationUsage usage) => usage.Speculation is not { } speculation
        ? []
        : [.. speculation.AcceptedByPosition.Zip(speculation.DraftedByPosition, (accepted, drafted) => Math.Round((double)accepted / drafted, 4))];

    private static double Seconds(TimeSpan time) => Math.Round(Math.Max(0, time.TotalSeconds), 6);
}
