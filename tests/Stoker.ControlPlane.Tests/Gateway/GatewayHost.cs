using System.Diagnostics.Metrics;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Threading.Channels;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Stoker.Api;
using Stoker.Api.Resources;
using Stoker.ControlPlane.Accounts;
using Stoker.ControlPlane.Audit;
using Stoker.ControlPlane.Gateway;
using Stoker.ControlPlane.Routing;
using Stoker.ControlPlane.Storage;
using Stoker.ControlPlane.Tests.Storage;

namespace Stoker.ControlPlane.Tests.Gateway;

/// <summary>
/// Accounts and gateway as they run, on Kestrel, with a data directory of their own. Routes are what tests put into
/// <see cref="Routing"/>.
/// </summary>
public sealed class GatewayHost : IAsyncDisposable
{
    private readonly StoreFile _store;
    private readonly MeterListener _meters = new();
    private readonly Channel<string> _ended = Channel.CreateUnbounded<string>();

    private GatewayHost(StoreFile store, WebApplication app, LogSink log, string adminKey)
    {
        (_store, App, Log, AdminKey, Url) = (store, app, log, adminKey, new Uri(app.Urls.Single()));
        var metrics = app.Services.GetRequiredService<GatewayMetrics>();
        _meters.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter == metrics.Meter && instrument.Name == "stoker.gateway.requests") listener.EnableMeasurementEvents(instrument);
        };
        _meters.SetMeasurementEventCallback<long>((_, _, tags, _) => _ended.Writer.TryWrite((string)tags[0].Value!));
        _meters.Start();
    }

    internal WebApplication App { get; }

    internal LogSink Log { get; }

    public Uri Url { get; }

    public string AdminKey { get; }

    public RoutingSource Routing => App.Services.GetRequiredService<RoutingSource>();

    /// <summary>
    /// Waits until the gateway has ended one more inference request and let go of everything it held; answers how it
    /// ended.
    /// </summary>
    public async Task<string> RequestEndedAsync() =>
        await _ended.Reader.ReadAsync(TestContext.Current.CancellationToken);

    /// <summary>A client with the admin's key.</summary>
    public HttpClient Admin() => Client(AdminKey);

    public HttpClient Client(string? key)
    {
        var client = new HttpClient { BaseAddress = Url };
        if (key is not null) client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);
        return client;
    }

    /// <param name="settings">Such as <c>Stoker:Gateway:MaxBodyBytes=1024</c>.</param>
    public static Task<GatewayHost> StartAsync(TimeProvider? time = null, params IReadOnlyList<string> settings) =>
        StartAsync(time, replicas: null, settings);

    /// <param name="replicas">Reaches replicas of this process, by the host's name; null reaches real ones.</param>
    public static Task<GatewayHost> StartAsync(TimeProvider? time, HttpMessageHandler? replicas, params IReadOnlyList<string> settings) =>
        StartAsync(time, replicas, requests: null, settings);

    /// <param name="requests">The token ledger; null for the one of the data directory.</param>
    public static async Task<GatewayHost> StartAsync(TimeProvider? time, HttpMessageHandler? replicas, IRequestStore? requests, params IReadOnlyList<string> settings)
    {
        var (store, log) = (new StoreFile(), new LogSink());
        var builder = WebApplication.CreateSlimBuilder();
        builder.Configuration.AddInMemoryCollection(
            settings.Append($"Stoker:Storage:DataDirectory={store.Data.Root}").Select(setting => setting.Split('=', 2)).ToDictionary(pair => pair[0], pair => (string?)pair[1]));
        builder.Logging.ClearProviders().AddProvider(log).SetMinimumLevel(LogLevel.Trace);
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Listen(System.Net.IPAddress.Loopback, 0);
            kestrel.Limits.MinResponseDataRate = null; // slow readers are to meet the gateway's own limit
        });
        if (time is not null) builder.Services.AddSingleton(time);
        builder.Services.AddStorage().AddAccounts().AddAudit().AddGateway();
        if (requests is not null) builder.Services.AddSingleton(requests);
        if (replicas is not null) builder.Services.AddSingleton(provider => new ReplicaClient(provider.GetRequiredService<IOptions<GatewayOptions>>(), replicas));
        builder.Services.TryAddSingleton<RoutingSource>(); // without its feed: tests publish tables
        var app = builder.Build();
        var management = app.MapGroup("").WithAudit();
        management.MapAccounts();
        management.MapAudit();
        app.MapGateway();
        await app.StartAsync();
        app.Services.GetRequiredService<RoutingSource>().Publish(new([])); // known, and nothing there
        return new(store, app, log, (await File.ReadAllTextAsync(store.Data.AdminKey)).Trim());
    }

    /// <summary>Makes an account with a user and answers with a key of that user.</summary>
    public async Task<string> CreateAccountAsync(string account, string role = "admin")
    {
        using var admin = Admin();
        (await admin.PostAsync($"/v1/accounts?accountId={account}", Json("{}"))).EnsureSuccessStatusCode();
        return await CreateUserAsync(account, "someone", role);
    }

    public async Task<string> CreateUserAsync(string account, string user, string role)
    {
        using var admin = Admin();
        (await admin.PostAsync($"/v1/accounts/{account}/users?userId={user}", Json($$"""{"role":"{{role}}"}"""))).EnsureSuccessStatusCode();
        return (await CreateKeyAsync($"accounts/{account}/users/{user}", "{}")).Key!;
    }

    public async Task<ApiKeyResource> CreateKeyAsync(string user, string key)
    {
        using var admin = Admin();
        var answer = await admin.PostAsync($"/v1/{user}/apiKeys", Json($$"""{"apiKey":{{key}}}"""));
        answer.EnsureSuccessStatusCode();
        return (await answer.Content.ReadFromJsonAsync(ApiJson.Default.ApiKeyResource))!;
    }

    /// <summary>The token ledger, as it is now.</summary>
    public async Task<IReadOnlyList<RequestRow>> RequestRowsAsync() =>
        await App.Services.GetRequiredService<IRequestStore>().ReadAsync(0, 1_000, TestContext.Current.CancellationToken);

    /// <summary>Every file of the data directory that holds anything; an empty one may be somebody's lock.</summary>
    public IReadOnlyList<string> Files() => [.. Directory.GetFiles(_store.Data.Root, "*", SearchOption.AllDirectories).Where(file => new FileInfo(file).Length > 0)];

    public static StringContent Json(string body) => new(body, Encoding.UTF8, "application/json");

    public async ValueTask DisposeAsync()
    {
        using (var now = new CancellationTokenSource())
        {
            await now.CancelAsync();
            await App.StopAsync(now.Token);
        }

        _meters.Dispose();
        await App.DisposeAsync();
        _store.Dispose();
    }
}
