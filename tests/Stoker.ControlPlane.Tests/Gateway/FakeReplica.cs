using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Stoker.Api.Replicas;
using Stoker.ControlPlane.Routing;

namespace Stoker.ControlPlane.Tests.Gateway;

/// <summary>What a replica got.</summary>
internal sealed record Received(string Path, string Body, IReadOnlyDictionary<string, string> Headers);

/// <summary>A replica that does what a test tells it, behind a real socket.</summary>
internal sealed class FakeReplica : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly DirectoryInfo? _socketDirectory;
    private readonly TaskCompletionSource<Received> _received = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _hungUp = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Func<HttpContext, Task> _behaviour;
    private int _requests;

    private FakeReplica(WebApplication app, DirectoryInfo? socketDirectory, Func<HttpContext, Task> behaviour) =>
        (_app, _socketDirectory, _behaviour) = (app, socketDirectory, behaviour);

    public ReplicaTarget Target { get; private set; } = null!;

    /// <summary>The first request.</summary>
    public Task<Received> Received => _received.Task;

    /// <summary>Ends when the gateway hangs up on a request.</summary>
    public Task HungUp => _hungUp.Task;

    /// <summary>What it says of requests that ended; null when it does not know.</summary>
    public string? Usage { get; set; }

    /// <summary>The request that the gateway asked of last.</summary>
    public string? Asked { get; private set; }

    public int Requests => Volatile.Read(ref _requests);

    public static async Task<FakeReplica> StartAsync(Func<HttpContext, Task> behaviour, bool unixSocket = false)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        var directory = unixSocket ? Directory.CreateTempSubdirectory("skr") : null;
        var socket = directory is null ? null : Path.Combine(directory.FullName, "s");
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Limits.MaxRequestBodySize = null;
            if (socket is null) kestrel.Listen(System.Net.IPAddress.Loopback, 0);
            else kestrel.ListenUnixSocket(socket);
        });
        var app = builder.Build();
        var replica = new FakeReplica(app, directory, behaviour);
        app.Run(replica.HandleAsync);
        await app.StartAsync();
        replica.Target = new(
            $"r{Guid.NewGuid():n}"[..12], socket is null ? new Uri(app.Urls.Single()) : null, socket);
        return replica;
    }

    /// <summary>A target at which nobody listens.</summary>
    public static ReplicaTarget Gone() =>
        new($"g{Guid.NewGuid():n}"[..12], null, Path.Combine(Path.GetTempPath(), $"no-{Guid.NewGuid():n}"[..20]));

    /// <summary>Answers with one whole body.</summary>
    public static Func<HttpContext, Task> Answering(string body, int status = 200, string type = "application/json") => async context =>
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = type;
        await context.Response.WriteAsync(body, context.RequestAborted);
    };

    /// <summary>Answers with events, one flush each.</summary>
    public static Func<HttpContext, Task> Streaming(params IReadOnlyList<string> frames) => async context =>
    {
        BeginStream(context);
        foreach (var frame in frames) await SendAsync(context, frame);
    };

    /// <summary>Answers with an event, then, once the client has it, with a last piece, and is killed.</summary>
    public static Func<HttpContext, Task> Dying(string frame, Task clientHasIt, string lastPiece) => async context =>
    {
        await Streaming(frame)(context);
        await clientHasIt.WaitAsync(context.RequestAborted); // a killed server loses what it had not sent yet
        await SendAsync(context, lastPiece);
        context.Abort();
    };

    public static void BeginStream(HttpContext context) =>
        context.Response.ContentType = "text/event-stream; charset=utf-8";

    public static async Task SendAsync(HttpContext context, string frame)
    {
        await context.Response.WriteAsync(frame, context.RequestAborted);
        await context.Response.Body.FlushAsync(context.RequestAborted);
    }

    public async ValueTask DisposeAsync()
    {
        using (var now = new CancellationTokenSource())
        {
            await now.CancelAsync();
            await _app.StopAsync(now.Token);
        }

        await _app.DisposeAsync();
        _socketDirectory?.Delete(recursive: true);
    }

    private async Task HandleAsync(HttpContext context)
    {
        if (context.Request.Path == ReplicaProtocol.HealthPath) return; // whatever it does to requests, it lives

        if (context.Request.Path.StartsWithSegments("/stoker/v1/requests", out var id))
        {
            Asked = id.Value!.TrimStart('/');
            context.Response.StatusCode = Usage is null ? 404 : 200;
            if (Usage is not null) await context.Response.WriteAsync(Usage, context.RequestAborted);
            return;
        }

        Interlocked.Increment(ref _requests);
        using var registration = context.RequestAborted.Register(_hungUp.SetResultOnce);
        using var reader = new StreamReader(context.Request.Body, Encoding.UTF8);
        var body = await reader.ReadToEndAsync(context.RequestAborted);
        _received.TrySetResult(new(
            context.Request.Path, body, context.Request.Headers.ToDictionary(header => header.Key, header => header.Value.ToString(), StringComparer.OrdinalIgnoreCase)));
        try
        {
            await _behaviour(context);
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            // The gateway hung up: tests see it in HungUp.
        }
    }
}

internal static class CompletionExtensions
{
    public static void SetResultOnce(this TaskCompletionSource source) => source.TrySetResult();
}
