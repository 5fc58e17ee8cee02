using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Stoker.Api;
using Stoker.Api.Problems;
using Stoker.Api.Resources;

namespace Stoker.Server.Quickstart;

/// <summary>
/// What the quickstart asks of its own server, over the public API and nothing else, as any client would.
/// </summary>
internal sealed class QuickstartClient : IDisposable
{
    private readonly HttpClient _http;

    public QuickstartClient(Uri server, string key)
    {
        _http = new HttpClient { BaseAddress = server, Timeout = Timeout.InfiniteTimeSpan };
        _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);
    }

    public Task<Result<DeploymentResource>> CreateDeploymentAsync(
        string account, string deploymentId, string model, CancellationToken cancellation) =>
        SendAsync(HttpMethod.Post, $"/v1/{account}/deployments?deploymentId={deploymentId}", new() { BaseModel = model }, cancellation);

    /// <summary>Puts a model of the library on the serverless tier.</summary>
    public Task<Result<ModelResource>> MarkServerlessAsync(string model, CancellationToken cancellation) => SendAsync(
        HttpMethod.Patch, $"/v1/{model}", new() { SupportsServerless = true }, ApiJson.Default.ModelResource, cancellation);

    public Task<Result<DeploymentResource>> GetDeploymentAsync(string name, CancellationToken cancellation) =>
        SendAsync(HttpMethod.Get, $"/v1/{name}", null, cancellation);

    /// <summary>Streams a completion; each item is the text of one event.</summary>
    /// <param name="usage">Told the number of generated tokens when the last event has come.</param>
    public async IAsyncEnumerable<string> CompleteAsync(
        string model,
        string prompt,
        int maxTokens,
        Action<int> usage,
        [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellation)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/inference/v1/completions");
        request.Content = new ByteArrayContent(CompletionBody(model, prompt, maxTokens));
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        using var response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellation);
        if (!response.IsSuccessStatusCode)
        {
            throw new QuickstartException($"the gateway answered {(int)response.StatusCode}: {await response.Content.ReadAsStringAsync(cancellation)}");
        }

        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync(cancellation));
        while (await reader.ReadLineAsync(cancellation) is { } line)
        {
            if (!line.StartsWith("data: ", StringComparison.Ordinal)) continue;
            if (line is "data: [DONE]") yield break;
            yield return ReadEvent(line["data: ".Length..], usage);
        }

        throw new QuickstartException("the stream ended without [DONE]");
    }

    public void Dispose() => _http.Dispose();

    private static string ReadEvent(string json, Action<int> usage)
    {
        using var document = JsonDocument.Parse(json);
        var root = document.RootElement;
        if (root.TryGetProperty("error", out var error))
        {
            throw new QuickstartException($"the stream ended in an error: {error.GetProperty("message").GetString()}");
        }

        if (root.TryGetProperty("usage", out var used) && used.ValueKind == JsonValueKind.Object)
        {
            usage(used.GetProperty("completion_tokens").GetInt32());
        }

        return root.GetProperty("choices")[0].GetProperty("text").GetString() ?? "";
    }

    private static byte[] CompletionBody(string model, string prompt, int maxTokens)
    {
        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            writer.WriteString("model", model);
            writer.WriteString("prompt", prompt);
            writer.WriteNumber("max_tokens", maxTokens);
            writer.WriteNumber("temperature", 0);
            writer.WriteBoolean("stream", true);
            writer.WriteEndObject();
        }

        return buffer.ToArray();
    }

    private Task<Result<DeploymentResource>> SendAsync(HttpMethod method, string path, DeploymentResource? body, CancellationToken cancellation) =>
        SendAsync(method, path, body, ApiJson.Default.DeploymentResource, cancellation);

    private async Task<Result<T>> SendAsync<T>(HttpMethod method, string path, T? body, JsonTypeInfo<T> json, CancellationToken cancellation)
        where T : class
    {
        using var request = new HttpRequestMessage(method, path);
        if (body is not null) request.Content = JsonContent.Create(body, json);
        using var response = await _http.SendAsync(request, cancellation);
        if (response.IsSuccessStatusCode)
        {
            return (await response.Content.ReadFromJsonAsync(json, cancellation))!;
        }

        var text = Encoding.UTF8.GetString(await response.Content.ReadAsByteArrayAsync(cancellation));
        return new Problem(CodeTable.FromHttpStatus((int)response.StatusCode), $"{method} {path}: {(int)response.StatusCode} {text}");
    }
}

/// <summary>The quickstart cannot go on; the message is for the terminal.</summary>
internal sealed class QuickstartException(string message) : Exception(message);
