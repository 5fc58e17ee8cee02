using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Stoker.Benchmarks.Replicas;

namespace Stoker.Benchmarks.Waking;

/// <summary>
/// One streamed request to a deployment at zero, as its client saw it. Instants are timestamps of <see
/// cref="Stopwatch"/>, which on one boot of Linux all processes share (CLOCK_MONOTONIC).
/// </summary>
/// <param name="Id">The gateway's own.</param>
/// <param name="Comment">When the first comment was there.</param>
/// <param name="First">When the first event was there.</param>
/// <param name="ReplicaFirst">The replica's own time to first token, in ms, as it says in the stream's last event.</param>
internal sealed record WakingRequest(string Id, long Sent, long Comment, long First, double ReplicaFirst)
{
    private const string Data = "data: ";

    /// <exception cref="BenchFailedException">Anything but an answer that was held first.</exception>
    public static async Task<WakingRequest> SendAsync(ServerProcess server, string deployment)
    {
        var body = new
        {
            model = ServerProcess.Model(deployment),
            prompt = "Once upon a time",
            max_tokens = 4,
            temperature = 0,
            ignore_eos = true,
            stream = true,
            perf_metrics_in_response = true,
        };
        using var request = new HttpRequestMessage(HttpMethod.Post, "inference/v1/completions") { Content = JsonContent.Create(body) };
        var (sent, comment, first, last) = (Stopwatch.GetTimestamp(), 0L, 0L, default(string));
        using var answer = await server.Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        if (answer.StatusCode != HttpStatusCode.OK) throw new BenchFailedException($"{deployment}: {await answer.Content.ReadAsStringAsync()}");
        using var reader = new StreamReader(await answer.Content.ReadAsStreamAsync());
        while (await reader.ReadLineAsync() is { } line)
        {
            var now = Stopwatch.GetTimestamp();
            if (line.StartsWith(": stoker ", StringComparison.Ordinal) && comment == 0) comment = now;
            if (!line.StartsWith(Data, StringComparison.Ordinal)) continue;
            if (first == 0) first = now;
            if (line == "data: [DONE]") return new(answer.Headers.GetValues("x-fireworks-request-id").Single(), sent, comment, first, OwnFirst(deployment, last));
            last = line[Data.Length..];
        }

        throw new BenchFailedException($"{deployment}: the stream ended with {last}");
    }

    private static double OwnFirst(string deployment, string? last) =>
        last is not null && JsonNode.Parse(last)!["perf_metrics"]?["server-time-to-first-token"] is { } seconds
            ? seconds.GetValue<double>() * 1000
            : throw new BenchFailedException($"{deployment}: no time to first token in {last}");
}

/// <summary>When a replica's model had answered, by the replica's own clock.</summary>
internal static class ReadyStamp
{
    /// <summary>Of so many questions the quickest counts: what it took is the stamp's uncertainty.</summary>
    private const int Questions = 5;

    /// <summary>
    /// The replica says how long ago it was; taken off the instant before the question, so that the stamp is too early
    /// by at most what the question took, and what is measured from it too long.
    /// </summary>
    public static async Task<long> ReadAsync(string socket)
    {
        using var client = ReplicaSocket.Client(socket);
        var (least, stamp) = (long.MaxValue, 0L);
        for (var question = 0; question < Questions; question++)
        {
            var asked = Stopwatch.GetTimestamp();
            var health = JsonNode.Parse(await client.GetStringAsync(new Uri("health", UriKind.Relative)))!;
            var took = Stopwatch.GetTimestamp() - asked;
            var ready = health["readyMs"] ?? throw new BenchFailedException($"The replica does not say since when it is ready: {health}");
            if (took < least) (least, stamp) = (took, asked - (long)(ready.GetValue<double>() / 1000 * Stopwatch.Frequency));
        }

        return stamp;
    }
}
