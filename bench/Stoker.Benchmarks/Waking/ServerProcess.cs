using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Stoker.Benchmarks.Waking;

/// <summary>A real <c>stoker serve</c>, and a client with its admin key.</summary>
internal sealed partial class ServerProcess : IDisposable
{
    private const int SigTerm = 15;
    private const string Listens = "Stoker listens on ";

    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan LookAgain = TimeSpan.FromMilliseconds(100);

    private readonly Process _process;
    private readonly ConcurrentDictionary<string, double> _took = [];

    private ServerProcess(Process process, Uri url, string key)
    {
        (_process, Url) = (process, url);
        Http = new(new SocketsHttpHandler { MaxConnectionsPerServer = int.MaxValue }) { BaseAddress = url, Timeout = Timeout.InfiniteTimeSpan };
        Http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);
    }

    /// <summary>Of the server's log, so that it tells how long replicas took.</summary>
    public static string[] ToldOfReplicas { get; } = ["--log-level", "Debug"];

    public Uri Url { get; }

    public HttpClient Http { get; }

    /// <summary>Replicas of the simulated engine with these figures, on this machine's own slots.</summary>
    public static Dictionary<string, string> Simulated(string program, int slots, string figures) => new()
    {
        ["Stoker__Runtime__Engine"] = "simulated",
        ["Stoker__Capacity__Pinned"] = "false",
        ["Stoker__Capacity__Slots"] = slots.ToString(CultureInfo.InvariantCulture),
        // Local replicas have no figures in the configuration: a shell adds them and becomes the replica.
        ["Stoker__Runtime__Command__0"] = "/bin/sh",
        ["Stoker__Runtime__Command__1"] = "-c",
        ["Stoker__Runtime__Command__2"] = "exec \"$0\" \"$@\" --simulate " + figures,
        ["Stoker__Runtime__Command__3"] = program,
    };

    /// <param name="url">Port 0 is any free one.</param>
    /// <exception cref="BenchFailedException">It did not start.</exception>
    public static async Task<ServerProcess> StartAsync(
        string program, ServerFolder folder, IReadOnlyDictionary<string, string> options, Uri? url = null, params string[] flags)
    {
        var start = new ProcessStartInfo(program, ["serve", "--url", (url ?? new("http://127.0.0.1:0")).GetLeftPart(UriPartial.Authority), "--data", folder.Data, .. flags])
        {
            RedirectStandardOutput = true,
        };
        start.Environment["HOME"] = folder.Home;
        foreach (var (key, value) in options) start.Environment[key] = value;
        var process = Process.Start(start)!;
        while (await process.StandardOutput.ReadLineAsync() is { } line)
        {
            if (!line.StartsWith(Listens, StringComparison.Ordinal)) continue;
            var key = await File.ReadAllTextAsync(Path.Combine(folder.Data, "admin.key"));
            var server = new ServerProcess(process, new(line[Listens.Length..]), key.Trim());
            _ = server.ReadLogAsync();
            return server;
        }

        throw new BenchFailedException("The server did not start; its message stands above.");
    }

    public static string Model(string deployment) => $"accounts/default/deployments/{deployment}";

    public Task CreateAsync(string id, object deployment) =>
        SendAsync(HttpMethod.Post, $"v1/accounts/default/deployments?deploymentId={id}", deployment);

    public Task UpdateAsync(string id, object change) => SendAsync(HttpMethod.Patch, $"v1/accounts/default/deployments/{id}", change);

    public Task ScaleAsync(string id, int replicas) =>
        SendAsync(HttpMethod.Patch, $"v1/accounts/default/deployments/{id}:scale", new { replicaCount = replicas });

    public async Task<JsonNode> GetAsync(string path) => JsonNode.Parse(await Http.GetStringAsync(new Uri(path, UriKind.Relative)))!;

    /// <summary>Until so many replicas are ready, and no change is under way.</summary>
    public Task ReadyAsync(string id, int replicas) => UntilAsync($"{id} with {replicas} ready replicas", async () =>
    {
        var deployment = await GetAsync($"v1/accounts/default/deployments/{id}");
        if (deployment["state"]?.GetValue<string>() == "FAILED") throw new BenchFailedException($"{id} failed: {deployment["status"]}");
        return deployment["state"]?.GetValue<string>() == "READY" && deployment["replicaStats"]?["readyReplicaCount"]?.GetValue<int>() == replicas;
    });

    /// <exception cref="BenchFailedException">Not within two minutes.</exception>
    public static async Task UntilAsync(string what, Func<Task<bool>> holds)
    {
        var begun = Stopwatch.GetTimestamp();
        while (!await holds())
        {
            if (Stopwatch.GetElapsedTime(begun) > Patience) throw new BenchFailedException($"Not in {Patience.TotalMinutes} minutes: {what}.");
            await Task.Delay(LookAgain, TimeProvider.System);
        }
    }

    /// <summary>Asks it to stop, as an operator does; ends when it has.</summary>
    public Task TerminateAsync()
    {
        _ = Signal(_process.Id, SigTerm);
        return _process.WaitForExitAsync();
    }

    public bool HasEnded => _process.HasExited;

    public void Dispose()
    {
        Http.Dispose();
        if (!_process.HasExited) _process.Kill();
        _process.WaitForExit();
        _process.Dispose();
    }

    /// <summary>How long the replica had a request before its answer began, in ms, as the server's own log has it.</summary>
    /// <exception cref="BenchFailedException">It was not started with <see cref="ToldOfReplicas"/>.</exception>
    public async Task<double> ReplicaTookAsync(string request)
    {
        await UntilAsync($"how long the replica took for request {request}, in the server's log", () => Task.FromResult(_took.ContainsKey(request)));
        return _took[request];
    }

    /// <summary>Reads its log, which else would block it.</summary>
    private async Task ReadLogAsync()
    {
        while (await _process.StandardOutput.ReadLineAsync() is { } line)
        {
            if (ReplicaTook().Match(line) is { Success: true } told) _took[told.Groups[1].Value] = double.Parse(told.Groups[2].ValueSpan, CultureInfo.InvariantCulture);
        }
    }

    [GeneratedRegex(@"Request ([0-9a-f]+): replica \S+ began its answer ([0-9.]+) ms after")]
    private static partial Regex ReplicaTook();

    private async Task SendAsync(HttpMethod method, string path, object body)
    {
        using var request = new HttpRequestMessage(method, path) { Content = JsonContent.Create(body) };
        using var answer = await Http.SendAsync(request);
        if (!answer.IsSuccessStatusCode) throw new BenchFailedException($"{method} {path}: {await answer.Content.ReadAsStringAsync()}");
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Signal(int pid, int signal);
}
