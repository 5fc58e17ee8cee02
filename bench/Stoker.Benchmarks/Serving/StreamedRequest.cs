using System.Diagnostics;
using System.Net.Http.Json;
using System.Text.Json;

namespace Stoker.Benchmarks.Serving;

/// <summary>What a client saw of one streamed answer.</summary>
/// <param name="FirstMilliseconds">From sending to the first event with text.</param>
/// <param name="Gaps">Milliseconds between events with text.</param>
internal sealed record StreamedRequest(double FirstMilliseconds, IReadOnlyList<double> Gaps, int PromptTokens, int CachedTokens, int CompletionTokens)
{
    private const string Data = "data: ";

    /// <exception cref="HttpRequestException">Refused, or the stream ended in an error.</exception>
    public static async Task<StreamedRequest> SendAsync(HttpClient client, int[] prompt, int maxTokens)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/completions")
        {
            Content = JsonContent.Create(new { model = "bench", prompt, max_tokens = maxTokens, temperature = 0, ignore_eos = true, stream = true }),
        };
        var last = Stopwatch.GetTimestamp();
        var start = last;
        using var answer = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        answer.EnsureSuccessStatusCode();
        using var reader = new StreamReader(await answer.Content.ReadAsStreamAsync());
        var (first, gaps, usage) = (0.0, new List<double>(), default(JsonElement));
        while (await reader.ReadLineAsync() is { } line)
        {
            if (!line.StartsWith(Data, StringComparison.Ordinal) || line == "data: [DONE]") continue;
            var now = Stopwatch.GetTimestamp();
            using var item = JsonDocument.Parse(line.AsMemory(Data.Length));
            if (item.RootElement.TryGetProperty("error", out var error)) throw new HttpRequestException($"The stream ended in {error}");
            if (item.RootElement.TryGetProperty("usage", out var told) && told.ValueKind == JsonValueKind.Object) usage = told.Clone();
            if (item.RootElement.GetProperty("choices").GetArrayLength() == 0) continue;
            var passed = Stopwatch.GetElapsedTime(last, now).TotalMilliseconds;
            if (last == start) first = passed;
            else gaps.Add(passed);
            last = now;
        }

        return usage.ValueKind == JsonValueKind.Object
            ? new(first, gaps, Count(usage, "prompt_tokens"), Cached(usage), Count(usage, "completion_tokens"))
            : throw new HttpRequestException("The stream ended without usage.");
    }

    private static int Count(JsonElement usage, string name) => usage.GetProperty(name).GetInt32();

    private static int Cached(JsonElement usage) =>
        usage.TryGetProperty("prompt_tokens_details", out var details) && details.ValueKind == JsonValueKind.Object
            && details.TryGetProperty("cached_tokens", out var cached) ? cached.GetInt32() : 0;
}
