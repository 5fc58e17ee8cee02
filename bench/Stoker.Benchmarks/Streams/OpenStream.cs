using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json.Nodes;
using Stoker.Benchmarks.Waking;

namespace Stoker.Benchmarks.Streams;

/// <summary>How a stream ended, as its client saw it.</summary>
internal enum StreamOutcome
{
    /// <summary>With its end mark, and without an error.</summary>
    Whole,

    /// <summary>With a proper error event as its last one, and no end mark.</summary>
    ErrorEvent,

    /// <summary>In any other way: the connection broke, or it ended without a word.</summary>
    Cut,
}

/// <param name="Text">All that came, also of one that did not end well.</param>
internal sealed record StreamResult(StreamOutcome Outcome, string Text, string? Error);

/// <summary>One stream that is being read, whatever happens to the server meanwhile.</summary>
internal sealed class OpenStream
{
    private const string Data = "data: ";

    private readonly TaskCompletionSource _begun = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private OpenStream(ServerProcess server, string deployment, string prompt, int tokens) =>
        Ended = ReadAsync(server, deployment, prompt, tokens);

    /// <summary>Ends with the first event of text, or when there will be none.</summary>
    public Task Begun => _begun.Task;

    public Task<StreamResult> Ended { get; }

    public static OpenStream Start(ServerProcess server, string deployment, string prompt, int tokens) => new(server, deployment, prompt, tokens);

    private async Task<StreamResult> ReadAsync(ServerProcess server, string deployment, string prompt, int tokens)
    {
        var text = new StringBuilder();
        try
        {
            using var answer = await SendAsync(server, deployment, prompt, tokens);
            if (answer.StatusCode != HttpStatusCode.OK) return new(StreamOutcome.Cut, "", $"status {(int)answer.StatusCode}");
            using var reader = new StreamReader(await answer.Content.ReadAsStreamAsync());
            string? error = null;
            while (await reader.ReadLineAsync() is { } line)
            {
                if (!line.StartsWith(Data, StringComparison.Ordinal)) continue;
                if (line == "data: [DONE]") return new(error is null ? StreamOutcome.Whole : StreamOutcome.Cut, text.ToString(), error);
                error ??= Take(line[Data.Length..], text);
                _begun.TrySetResult();
            }

            return new(error is null ? StreamOutcome.Cut : StreamOutcome.ErrorEvent, text.ToString(), error ?? "no end mark");
        }
        catch (Exception broken) when (broken is HttpRequestException or IOException)
        {
            return new(StreamOutcome.Cut, text.ToString(), broken.Message);
        }
        finally
        {
            _begun.TrySetResult();
        }
    }

    /// <returns>The error's code, of an event that is one.</returns>
    private static string? Take(string json, StringBuilder text)
    {
        var item = JsonNode.Parse(json)!;
        if (item["error"] is { } error) return error["code"]?.ToString() ?? "without code";
        foreach (var choice in item["choices"]!.AsArray()) text.Append(choice!["text"]!.GetValue<string>());
        return null;
    }

    private static async Task<HttpResponseMessage> SendAsync(ServerProcess server, string deployment, string prompt, int tokens)
    {
        var body = new { model = ServerProcess.Model(deployment), prompt, max_tokens = tokens, temperature = 0, ignore_eos = true, stream = true };
        using var request = new HttpRequestMessage(HttpMethod.Post, "inference/v1/completions") { Content = JsonContent.Create(body) };
        return await server.Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
    }
}
