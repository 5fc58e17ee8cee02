using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Stoker.Api;
using Stoker.Api.Replicas;
using Stoker.ControlPlane.Runtimes;

namespace Stoker.ControlPlane.Tests.Runtimes;

/// <summary>The HTTP side of a replica on its socket, in the test's own process.</summary>
internal sealed class FakeReplicaServer : IAsyncDisposable
{
    private readonly WebApplication _app;
    private int _healthCalls;
    private int _waits;
    private int _leases;
    private int _drains;

    private FakeReplicaServer(WebApplication app, ReplicaId id)
    {
        _app = app;
        app.MapGet(ReplicaProtocol.HealthPath, async (HttpRequest request) =>
        {
            Interlocked.Increment(ref _healthCalls);
            if (News is { } news && request.Query.ContainsKey(ReplicaProtocol.HealthWaitQuery))
            {
                Interlocked.Increment(ref _waits);
                await news;
            }

            var health = new ReplicaHealth(id.ToString(), ReplicaProtocol.Version, State, State == "LOADING" ? 0.25 : null, 8, "test", 0, Requests);
            return Results.Json(health, ApiJson.Default.ReplicaHealth, statusCode: State == "READY" ? 200 : 503);
        });
        app.MapGet(ReplicaProtocol.AddonsPath, () => Results.Text("""{"error":{"message":"no"},"addons":[{"name":"zog"}]}""", "application/json", statusCode: AddonsStatus));
        app.MapPost(ReplicaProtocol.LeasePath, () => { Interlocked.Increment(ref _leases); });
        app.MapPost(ReplicaProtocol.DrainPath, () => { Interlocked.Increment(ref _drains); });
    }

    public string State { get; set; } = "LOADING";

    public int? Requests { get; set; }

    /// <summary>Of the answer to which addons it has.</summary>
    public int AddonsStatus { get; set; } = 200;

    /// <summary>What owners wait for; null: a program that answers at once.</summary>
    public Task? News { get; init; }

    /// <summary>Owners' questions that waited.</summary>
    public int Waits => Volatile.Read(ref _waits);

    public int HealthCalls => Volatile.Read(ref _healthCalls);

    public int Leases => Volatile.Read(ref _leases);

    public int Drains => Volatile.Read(ref _drains);

    public static async Task<FakeReplicaServer> StartAsync(string socketPath, ReplicaId id, Task? news = null)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.ListenUnixSocket(socketPath));
        var server = new FakeReplicaServer(builder.Build(), id) { News = news };
        await server._app.StartAsync();
        return server;
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();
}
