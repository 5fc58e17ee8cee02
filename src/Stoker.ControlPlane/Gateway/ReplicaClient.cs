using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Microsoft.Extensions.Options;
using Stoker.Api;
using Stoker.Api.Replicas;
using Stoker.ControlPlane.Routing;
using Stoker.ControlPlane.Storage;

namespace Stoker.ControlPlane.Gateway;

/// <summary>What a replica is told beside the body.</summary>
/// <param name="CacheSalt">Of who asks and of what: two accounts never share a prefix in a replica's cache, whatever they
/// send.</param>
/// <param name="IsolationKey">The client's own, which narrows it.</param>
/// <param name="Resume">See <see cref="ReplicaProtocol.ResumeHeader"/>; null asks for nothing.</param>
internal sealed record ReplicaHeaders(string RequestId, string CacheSalt, string? IsolationKey, string? Resume = null);

/// <summary>Pooled connections to replicas, over unix sockets and TCP.</summary>
/// <remarks>
/// A general HTTP client's habits are wrong here and are off: proxies, redirects, cookies, decompression, trace
/// headers, one timeout for everything, and reading on after a client hung up (that would keep the replica at work).
/// </remarks>
internal sealed class ReplicaClient : IDisposable
{
    private static readonly HttpRequestOptionsKey<ReplicaTarget> Target = new("stoker.replica");

    private readonly HttpMessageInvoker _http;
    private readonly bool _relaxed;

    public ReplicaClient(IOptions<GatewayOptions> options)
        : this(options, Connections(options.Value))
    {
    }

    /// <param name="handler">What reaches replicas: connections, or replicas of this process.</param>
    internal ReplicaClient(IOptions<GatewayOptions> options, HttpMessageHandler handler) =>
        (_http, _relaxed) = (new(handler, disposeHandler: true), options.Value.RelaxUnknownFields);

    /// <summary>Sends a request and answers when the head of the answer is there.</summary>
    /// <exception cref="HttpRequestException">The replica cannot be reached, or broke off.</exception>
    public async Task<HttpResponseMessage> SendAsync(
        ReplicaTarget replica, string path, HttpContent content, ReplicaHeaders headers, CancellationToken cancellation)
    {
        // The message is not disposed: that would dispose the content, which is its maker's.
        var request = MessageTo(replica, HttpMethod.Post, path);
        request.Content = content;
        request.Headers.TryAddWithoutValidation(ReplicaProtocol.RequestIdHeader, headers.RequestId);
        request.Headers.TryAddWithoutValidation(ReplicaProtocol.CacheSaltHeader, headers.CacheSalt);
        if (headers.IsolationKey is { } key) request.Headers.TryAddWithoutValidation(ReplicaProtocol.IsolationKeyHeader, key);
        if (headers.Resume is { } resume) request.Headers.TryAddWithoutValidation(ReplicaProtocol.ResumeHeader, resume);
        if (_relaxed) request.Headers.TryAddWithoutValidation(ReplicaProtocol.RelaxedHeader, "1");
        return await _http.SendAsync(request, cancellation);
    }

    /// <summary>Whether somebody is there at all, whatever he says.</summary>
    /// <exception cref="OperationCanceledException">Within the caller's time nobody said anything.</exception>
    public async Task<bool> AnswersAsync(ReplicaTarget replica, CancellationToken cancellation)
    {
        try
        {
            using var request = MessageTo(replica, HttpMethod.Get, ReplicaProtocol.HealthPath);
            using var answer = await _http.SendAsync(request, cancellation);
            return true;
        }
        catch (Exception error) when (error is HttpRequestException or IOException)
        {
            return false;
        }
    }

    /// <summary>What a request used that the replica ended, or is about to end; null when it does not say.</summary>
    public async Task<RequestTokens?> UsageAsync(ReplicaTarget replica, string requestId, CancellationToken cancellation)
    {
        try
        {
            using var request = MessageTo(replica, HttpMethod.Get, ReplicaProtocol.RequestsPath + requestId);
            using var answer = await _http.SendAsync(request, cancellation);
            if (answer.StatusCode != HttpStatusCode.OK) return null;
            var body = await answer.Content.ReadAsByteArrayAsync(cancellation);
            return JsonSerializer.Deserialize(body, ApiJson.Default.ReplicaRequestUsage) is { } usage
                ? new(usage.PromptTokens, usage.CachedTokens, usage.GeneratedTokens, usage.DraftedTokens, usage.AcceptedTokens)
                : null;
        }
        catch (Exception error) when (error is HttpRequestException or IOException or JsonException or OperationCanceledException)
        {
            return null;
        }
    }

    public void Dispose() => _http.Dispose();

    /// <summary>The host tells the pool replicas apart.</summary>
    private static HttpRequestMessage MessageTo(ReplicaTarget replica, HttpMethod method, string path)
    {
        var request = new HttpRequestMessage(method, new Uri(replica.Address ?? new Uri($"http://{replica.ReplicaId}.replica"), path));
        request.Options.Set(Target, replica);
        return request;
    }

    private static SocketsHttpHandler Connections(GatewayOptions options) => new()
    {
        ActivityHeadersPropagator = null,
        AllowAutoRedirect = false,
        AutomaticDecompression = System.Net.DecompressionMethods.None,
        ConnectCallback = ConnectAsync,
        ConnectTimeout = options.ConnectTimeout,
        MaxResponseDrainSize = 0,
        PooledConnectionIdleTimeout = TimeSpan.FromMinutes(1),
        ResponseDrainTimeout = TimeSpan.Zero,
        UseCookies = false,
        UseProxy = false,
    };

    private static async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken cancellation)
    {
        var path =
            context.InitialRequestMessage.Options.TryGetValue(Target, out var replica) ? replica.SocketPath : null;
        var socket = path is null
            ? new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true }
            : new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await (path is null
                ? socket.ConnectAsync(context.DnsEndPoint, cancellation)
                : socket.ConnectAsync(new UnixDomainSocketEndPoint(path), cancellation));
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
