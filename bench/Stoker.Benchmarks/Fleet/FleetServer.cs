using System.Diagnostics;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Stoker.ControlPlane.Autoscaling;
using Stoker.ControlPlane.Deployments;
using Stoker.ControlPlane.Routing;
using Stoker.ControlPlane.Runtimes;
using Stoker.Server.Serving;

namespace Stoker.Benchmarks.Fleet;

/// <summary>The whole server in this process, with simulated replicas; when it ends it leaves them to the next one.</summary>
internal sealed class FleetServer : IAsyncDisposable
{
    private static readonly TimeSpan LookAgain = TimeSpan.FromMilliseconds(1);
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    private readonly WebApplication _app;
    private readonly RoutingSource _routing;
    private readonly LoadWindows _windows;
    private readonly DeploymentReconciler _reconciler;

    private FleetServer(WebApplication app, long startedAt, string key)
    {
        (_app, StartedAt) = (app, startedAt);
        _routing = app.Services.GetRequiredService<RoutingSource>();
        _windows = app.Services.GetRequiredService<LoadWindows>();
        _reconciler = app.Services.GetRequiredService<DeploymentReconciler>();
        Client = new() { BaseAddress = new(app.Urls.First()), Timeout = Patience };
        Client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);
    }

    public HttpClient Client { get; }

    /// <summary>Right before the host was built.</summary>
    public long StartedAt { get; }

    /// <summary>How often a deployment was looked at since the start.</summary>
    public long Looks => _reconciler.Looks;

    /// <param name="folder">The data directory, with the settings in <c>stoker.json</c>.</param>
    public static async Task<FleetServer> StartAsync(string folder, SimulatedReplicas replicas)
    {
        var start = Stopwatch.GetTimestamp();
        var options = new ServerOptions
        {
            Url = new("http://127.0.0.1:0"),
            DataDirectory = folder,
            ConfigFile = Path.Combine(folder, "stoker.json"),
            LeaveReplicas = true,
            LogLevel = LogLevel.Warning,
        };
        var app = ServerHost.Build(options, services => services.AddSingleton<IReplicaRuntime>(new FleetRuntime(replicas, TimeProvider.System)));
        await app.StartAsync();
        return new(app, start, (await File.ReadAllTextAsync(Path.Combine(folder, "admin.key"))).Trim());
    }

    /// <summary>Until the routing table has so many replicas that take requests.</summary>
    public Task RoutedAsync(int replicas) => UntilAsync(() => _routing.Current.All.Sum(route => route.Ready.Count) == replicas, $"{replicas} routed replicas");

    /// <summary>Until each deployment was looked at by this server.</summary>
    public Task ReconciledAsync(int deployments) => UntilAsync(
        () => Looks >= deployments && _routing.Current.All.Count == deployments && _routing.Current.All.All(route => _windows.Look(route.Name) is not null),
        $"a look at each of {deployments} deployments");

    /// <summary>Until so many looks were taken.</summary>
    public Task LookedAsync(long looks) => UntilAsync(() => Looks >= looks, $"{looks} looks");

    public async Task<JsonNode> SendAsync(HttpMethod method, string path, object? body = null)
    {
        using var request = new HttpRequestMessage(method, path) { Content = body is null ? null : JsonContent.Create(body) };
        using var response = await Client.SendAsync(request);
        var text = await response.Content.ReadAsStringAsync();
        if (!response.IsSuccessStatusCode) throw new BenchFailedException($"{method} {path} was answered with {(int)response.StatusCode}: {text}");
        return JsonNode.Parse(text)!;
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await _app.StopAsync();
        await _app.DisposeAsync();
    }

    private static async Task UntilAsync(Func<bool> holds, string what)
    {
        for (var start = Stopwatch.GetTimestamp(); !holds();)
        {
            if (Stopwatch.GetElapsedTime(start) > Patience) throw new BenchFailedException($"Waited {Patience.TotalMinutes:0} minutes in vain for {what}");
            await Task.Delay(LookAgain, TimeProvider.System);
        }
    }
}
