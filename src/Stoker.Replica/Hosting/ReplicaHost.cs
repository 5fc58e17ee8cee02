using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Stoker.Engine;
using Stoker.Replica.Endpoints;
using Stoker.Replica.Engines;

namespace Stoker.Replica.Hosting;

/// <summary>One running replica: the listener, the engine behind it, and the ways to its end.</summary>
/// <remarks>
/// Kestrel alone, without a host, configuration, dependency injection or router: none of them has anything to do here,
/// and together they would be a third of the time to the first answer.
/// </remarks>
internal sealed partial class ReplicaHost : IAsyncDisposable
{
    // Connections that only idle are closed at once; this bounds what a client that reads nothing can hold back.
    private static readonly TimeSpan StopPatience = TimeSpan.FromSeconds(5);

    private readonly ReplicaOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger _log;
    private readonly EngineSlot _slot;
    private readonly Admission _admission = new();
    private readonly Lease _lease;
    private readonly KestrelServer _server;
    private readonly WarmUp _warmUp = new();
    private readonly CancellationTokenSource _stopLoading = new();
    private readonly TaskCompletionSource _drain = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _abort = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Task<IReplicaEngine> _loading = null!;
    private Task _probing = Task.CompletedTask;
    private Task<string> _warming = Task.FromResult("");
    private int _disposed;

    private ReplicaHost(ReplicaOptions options, TimeProvider time, ILoggerFactory logs)
    {
        (_options, _time, _log) = (options, time, logs.CreateLogger("Stoker.Replica"));
        (_lease, _slot) = (new(options.Lease, time), new(time));
        _server = new(Options.Create(KestrelOptions(options)), new SocketTransportFactory(Options.Create(new SocketTransportOptions()), logs), logs);
    }

    /// <summary>Where it listens, with the ports that were picked.</summary>
    public IReadOnlyCollection<string> Addresses => [.. _server.Features.Get<IServerAddressesFeature>()!.Addresses];

    /// <summary>Completes when the model answers; fails as the load fails.</summary>
    public Task Loaded => _loading;

    public Admission Admission => _admission;

    /// <summary>What the replica has answered itself, see <see cref="Hosting.WarmUp"/>.</summary>
    internal Task<string> Warming => _warming;

    /// <exception cref="IOException">An address is taken or cannot be used.</exception>
    public static async Task<ReplicaHost> StartAsync(ReplicaOptions options, IEngineLoader loader, TimeProvider time, ILoggerFactory logs)
    {
        var host = new ReplicaHost(options, time, logs);
        try
        {
            // in parallel with the listener's start
            host._loading = host._slot.LoadAsync(loader, host._stopLoading.Token);
            host._probing = new StartupProbe(host._loading, time, host._log).RunAsync(host._stopLoading.Token);
            await host.ListenAsync();
            host._warming = host._warmUp.RunAsync(host._loading, host.OwnAddress(), time, host._stopLoading.Token);
            return host;
        }
        catch
        {
            await host.DisposeAsync();
            throw;
        }
    }

    /// <summary>Takes no new request from now on.</summary>
    /// <returns>False when that had been said before.</returns>
    public bool Drain() => _drain.TrySetResult();

    /// <summary>Ends without waiting for the streams.</summary>
    public void Abort() => _abort.TrySetResult();

    /// <summary>Waits for one of the ways to end, then for the last stream.</summary>
    public async Task<ReplicaEnd> RunToEndAsync()
    {
        var end = await FirstReasonAsync();
        LogEnding(end.Reason);
        _admission.Close();
        await _stopLoading.CancelAsync();
        await Task.WhenAny(_admission.Empty, _abort.Task);
        using var patience = new CancellationTokenSource(StopPatience, _time);
        if (_abort.Task.IsCompleted) await patience.CancelAsync();
        await _server.StopAsync(patience.Token);
        return end;
    }

    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0) return;
        await _stopLoading.CancelAsync();
        await _probing; // it reads the engine
        await _warming;
        await _warmUp.DisposeAsync();
        _server.Dispose();
        _lease.Dispose();
        await _slot.DisposeAsync();
        foreach (var address in _options.Listen)
        {
            if (address.SocketPath is { } path) File.Delete(path);
        }

        _stopLoading.Dispose();
    }

    private async Task<ReplicaEnd> FirstReasonAsync()
    {
        var failed = LoadFailureAsync();
        var first = await Task.WhenAny(_drain.Task, _lease.Expired, failed);
        if (first == failed) return await failed;
        return first == _drain.Task
            ? new(ReplicaEnd.Drained, "Asked to drain; ended with the last stream.")
            : new(ReplicaEnd.LeaseExpired, $"The owner did not renew the lease of {_options.Lease!.Value.TotalSeconds.ToString(CultureInfo.InvariantCulture)} s.");
    }

    private async Task<ReplicaEnd> LoadFailureAsync()
    {
        try
        {
            var begun = _time.GetTimestamp();
            var engine = await _loading;
            var (elapsed, now) = (_time.GetElapsedTime(begun).TotalMilliseconds, engine.Statistics);
            foreach (var note in engine.LoadNotes) LogLoadNote(note);
            var ready = string.Concat(
            [
                _options.ServedModelName, " is ready after ", elapsed.ToString("F0", CultureInfo.InvariantCulture), " ms, kernel set ", now.KernelSet, ", ",
                now.Precision, ", ", now.Threads.ToString(CultureInfo.InvariantCulture), now.ThreadsPinned ? " threads on cores of their own" : " threads",
            ]);
            LogReady(ready);
            await _abort.Task; // the load succeeded: this is no way to end any more
            return new(ReplicaEnd.Drained, "Stopped without waiting for the streams.");
        }
        catch (Exception error) when (error is ModelLoadException or ArgumentException or InsufficientMemoryException)
        {
            // The model, an option or the machine: whoever started this mends it, for whom our stack is noise.
            var reason = EngineRefusal.Line(error, ReplicaArguments.OfEngine);
            LogLoadRefused(reason);
            LogLoadStack(error);
            return new(ReplicaEnd.LoadFailed, reason);
        }
        catch (Exception error) when (!_stopLoading.IsCancellationRequested)
        {
            // no request has been here: it has nobody's words
            var reason = $"The model could not be loaded: {error.GetType().Name}: {error.Message}";
            LogLoadFailed(reason, error);
            return new(ReplicaEnd.LoadFailed, reason);
        }
    }

    private async Task ListenAsync()
    {
        foreach (var address in _options.Listen)
        {
            if (address.SocketPath is { } path) ListenAddress.PrepareSocket(path);
        }

        var app = new ReplicaApp(new()
        {
            ReplicaId = _options.Id,
            ServedModelName = _options.ServedModelName,
            Slot = _slot,
            Admission = _admission,
            Lease = _lease,
            Recent = new(_time),
            Log = _log,
            Time = _time,
            Started = _time.GetUtcNow(),
            Drain = () => Drain(),
        });
        await _server.StartAsync(new Application(app, _warmUp), CancellationToken.None);
        if (!OperatingSystem.IsWindows())
        {
            foreach (var path in _options.Listen.Select(address => address.SocketPath).OfType<string>())
            {
                // the port has no other lock than this
                File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
            }
        }

        var addresses = string.Join(", ", Addresses);
        LogListening(addresses);
    }

    /// <summary>Where this process reaches itself.</summary>
    private EndPoint OwnAddress()
    {
        var listen = _options.Listen[0];
        if (listen.SocketPath is { } path) return new UnixDomainSocketEndPoint(path);
        var port = BindingAddress.Parse(Addresses.First()).Port; // the one that was picked
        var address = listen.EndPoint!.Address;
        return new IPEndPoint(address.Equals(IPAddress.Any) ? IPAddress.Loopback : address.Equals(IPAddress.IPv6Any) ? IPAddress.IPv6Loopback : address, port);
    }

    private static KestrelServerOptions KestrelOptions(ReplicaOptions options)
    {
        var kestrel = new KestrelServerOptions { AddServerHeader = false, ApplicationServices = NoServices.Instance };

        // RequestBody has the limit: Kestrel's own would break the connection under a client that still writes, which
        // then never sees the 413.
        kestrel.Limits.MaxRequestBodySize = null;
        foreach (var address in options.Listen)
        {
            if (address.SocketPath is { } path) kestrel.ListenUnixSocket(path, listen => listen.Protocols = HttpProtocols.Http1);
            else kestrel.Listen(address.EndPoint!, listen => listen.Protocols = HttpProtocols.Http1);
        }

        return kestrel;
    }

    private sealed class Application(ReplicaApp app, WarmUp warmUp) : IHttpApplication<HttpContext>
    {
        public HttpContext CreateContext(IFeatureCollection contextFeatures) => new DefaultHttpContext(contextFeatures);

        public Task ProcessRequestAsync(HttpContext context) => (warmUp.Of(context) ?? app).HandleAsync(context);

        public void DisposeContext(HttpContext context, Exception? exception)
        {
        }
    }

    private sealed class NoServices : IServiceProvider
    {
        public static readonly NoServices Instance = new();

        public object? GetService(Type serviceType) => null;
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Note}")]
    private partial void LogLoadNote(string note);

    [LoggerMessage(Level = LogLevel.Information, Message = "Listens at {Addresses}")]
    private partial void LogListening(string addresses);

    // One value, as in the lines before: others would have to be compiled beside the first request.
    [LoggerMessage(Level = LogLevel.Information, Message = "{Ready}")]
    private partial void LogReady(string ready);

    [LoggerMessage(Level = LogLevel.Error, Message = "{Reason}")]
    private partial void LogLoadFailed(string reason, Exception error);

    [LoggerMessage(Level = LogLevel.Error, Message = "{Reason}")]
    private partial void LogLoadRefused(string reason);

    [LoggerMessage(Level = LogLevel.Debug, Message = "Where the load ended")]
    private partial void LogLoadStack(Exception error);

    [LoggerMessage(Level = LogLevel.Information, Message = "Ends: {Reason}; waits for the streams inside")]
    private partial void LogEnding(string reason);
}
