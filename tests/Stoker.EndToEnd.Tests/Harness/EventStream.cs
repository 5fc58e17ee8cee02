using System.Net.Http.Json;
using System.Text;
using System.Text.Json.Nodes;

namespace Stoker.EndToEnd.Tests.Harness;

/// <summary>One streamed completion, read event by event.</summary>
internal sealed class EventStream : IDisposable
{
    private readonly HttpResponseMessage _response;
    private readonly StreamReader _reader;
    private readonly StringBuilder _text = new();

    private EventStream(HttpResponseMessage response, StreamReader reader) => (_response, _reader) = (response, reader);

    /// <summary>Whether the stream ended with its end marker.</summary>
    public bool IsDone { get; private set; }

    /// <summary>The text of the events read so far; of one choice.</summary>
    public string Text => _text.ToString();

    /// <summary>The first event, where a test keeps it.</summary>
    public JsonObject? Begun { get; set; }

    public static async Task<EventStream> OpenAsync(
        HttpClient http, string model, string prompt, int maxTokens, int choices = 1, double temperature = 0, int? seed = null)
    {
        var body = new JsonObject
        {
            ["model"] = model,
            ["prompt"] = prompt,
            ["max_tokens"] = maxTokens,
            ["n"] = choices,
            ["temperature"] = temperature,
            ["seed"] = seed,
            ["ignore_eos"] = true,
            ["stream"] = true,
        };
        using var request = new HttpRequestMessage(HttpMethod.Post, "inference/v1/completions") { Content = JsonContent.Create(body) };
        var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        response.IsSuccessStatusCode.ShouldBeTrue(response.IsSuccessStatusCode ? "" : await response.Content.ReadAsStringAsync());
        return new EventStream(response, new StreamReader(await response.Content.ReadAsStreamAsync()));
    }

    /// <summary>The next event's JSON; null at the end of the stream.</summary>
    public async Task<JsonObject?> NextAsync()
    {
        while (await _reader.ReadLineAsync().WaitAsync(Patience.Time) is { } line)
        {
            if (line == "data: [DONE]")
            {
                IsDone = true;
                continue;
            }

            if (!line.StartsWith("data: ", StringComparison.Ordinal)) continue;
            var item = JsonNode.Parse(line["data: ".Length..])!.AsObject();
            _text.Append(item["choices"] is JsonArray { Count: > 0 } choices ? choices[0]!["text"]?.GetValue<string>() : null);
            return item;
        }

        return null;
    }

    /// <summary>All events that are left.</summary>
    public async Task<IReadOnlyList<JsonObject>> RestAsync()
    {
        var rest = new List<JsonObject>();
        while (await NextAsync() is { } item) rest.Add(item);
        return rest;
    }

    public void Dispose()
    {
        _reader.Dispose();
        _response.Dispose();
    }
}
