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
    private int _leases;
    private int _drains;

    private FakeReplicaServer(WebApplication app, ReplicaId id)
    {
        _app = app;
        app.MapGet(ReplicaProtocol.HealthPath, () =>
        {
            Interlocked.Increment(ref _healthCalls);
            var health = new ReplicaHealth(id.ToString(), ReplicaProtocol.Version, State, State == "LOADING" ? 0.25 : null, 8, "test", 0, Requests);
            return Results.Json(health, ApiJson.Default.ReplicaHealth, statusCode: State == "READY" ? 200 : 503);
        });
        app.MapPost(ReplicaProtocol.LeasePath, () => { Interlocked.Increment(ref _leases); });
        app.MapPost(ReplicaProtocol.DrainPath, () => { Interlocked.Increment(ref _drains); });
    }

    public string State { get; set; } = "LOADING";

    public int? Requests { get; set; }

    public int HealthCalls => Volatile.Read(ref _healthCalls);

    public int Leases => Volatile.Read(ref _leases);

    public int Drains => Volatile.Read(ref _drains);

    public static async Task<FakeReplicaServer> StartAsync(string socketPath, ReplicaId id)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.ListenUnixSocket(socketPath));
        var server = new FakeReplicaServer(builder.Build(), id);
        await server._app.StartAsync();
        return server;
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();
}
