using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging;
using Stoker.Replica.Engines;
using Stoker.Replica.Hosting;
using Stoker.Replica.Simulated;

namespace Stoker.Replica.Tests;

/// <summary>A replica in this process behind real sockets, with a directory of its own.</summary>
internal sealed class RunningReplica : IAsyncDisposable
{
    private readonly ReplicaLog _log;

    private RunningReplica(ReplicaHost host, ReplicaLog log, string directory, HttpClient client) =>
        (Host, _log, Directory, Client, Ended) = (host, log, directory, client, host.RunToEndAsync());

    public ReplicaHost Host { get; }

    public string Directory { get; }

    public HttpClient Client { get; }

    public Task<ReplicaEnd> Ended { get; }

    public string LogText => File.ReadAllText(Path.Combine(Directory, "log.txt"));

    /// <summary>Answers as fast as the timer allows, so that tests do not wait.</summary>
    public static ReplicaModelOptions Fast => new() { DecodeTokensPerSecond = 100_000, PrefillTokensPerSecond = 1e9, AnswerTokens = 24, PrefixCacheTokens = 0 };

    public static Task<RunningReplica> StartAsync(ReplicaModelOptions? simulated = null, TimeProvider? time = null, Func<ReplicaOptions, ReplicaOptions>? change = null)
    {
        time ??= TimeProvider.System;
        return StartWithAsync(new SimulatedEngineLoader(simulated ?? Fast, time, () => { }), time, change);
    }

    public static async Task<RunningReplica> StartWithAsync(IEngineLoader loader, TimeProvider? time = null, Func<ReplicaOptions, ReplicaOptions>? change = null)
    {
        time ??= TimeProvider.System;
        var directory = System.IO.Directory.CreateTempSubdirectory("stoker-replica-").FullName;
        ListenAddress.TryParse($"unix:{directory}/s/r.sock", out var address, out _).ShouldBeTrue();
        var options = new ReplicaOptions { Id = "replica-1", Directory = directory, ServedModelName = "sim", Listen = [address!], LogLevel = LogLevel.Debug };
        options = change?.Invoke(options) ?? options;
        var log = new ReplicaLog(Path.Combine(directory, "log.txt"), options.LogLevel, time);
        var host = await ReplicaHost.StartAsync(options, loader, time, log);
        return new(host, log, directory, Connect(options.Listen.First(listen => listen.SocketPath is not null).SocketPath!));
    }

    public async Task<RunningReplica> LoadedAsync()
    {
        await Host.Loaded;
        return this;
    }

    public static HttpClient Connect(string socketPath) => new(new SocketsHttpHandler
    {
        ConnectCallback = async (_, cancellation) =>
        {
            var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(socketPath), cancellation);
            return new NetworkStream(socket, ownsSocket: true);
        },
    })
    {
        BaseAddress = new("http://replica"),
    };

    public async Task<(int Status, JsonNode Body)> PostAsync(string path, string json)
    {
        using var content = new StringContent(json, Encoding.UTF8, "application/json");
        using var response = await Client.PostAsync(path, content);
        return ((int)response.StatusCode, JsonNode.Parse(await response.Content.ReadAsStringAsync())!);
    }

    /// <summary>The data lines of a streamed answer, end mark included.</summary>
    public async Task<List<string>> StreamAsync(string path, string json)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = new StringContent(json, Encoding.UTF8, "application/json") };
        using var response = await Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        response.Content.Headers.ContentType!.MediaType.ShouldBe("text/event-stream", LogText);
        return DataLines(await response.Content.ReadAsStringAsync());
    }

    public static List<string> DataLines(string body)
    {
        var lines = body.Split("\n\n", StringSplitOptions.RemoveEmptyEntries);
        lines.ShouldAllBe(line => line.StartsWith("data: "));
        return [.. lines.Select(line => line["data: ".Length..])];
    }

    public async Task<JsonElement> HealthAsync()
    {
        using var response = await Client.GetAsync("/health");
        using var document = JsonDocument.Parse(await response.Content.ReadAsStringAsync());
        return document.RootElement.Clone();
    }

    public async ValueTask DisposeAsync()
    {
        Host.Drain();
        Host.Abort();
        Client.Dispose();
        await Ended;
        await Host.DisposeAsync();
        _log.Dispose();
        System.IO.Directory.Delete(Directory, recursive: true);
    }
}
