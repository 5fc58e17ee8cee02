using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging.Abstractions;
using Stoker.Api.Replicas;
using Stoker.Replica.Endpoints;
using Stoker.Replica.Engines;
using Stoker.Replica.Simulated;

namespace Stoker.Replica.Hosting;

/// <summary>
/// While its model loads, a replica asks itself over its own listener, and a simulated engine answers in the model's place:
/// the code between the socket and the engine is compiled by then, which the first client would wait for.
/// </summary>
/// <remarks>
/// The requests go to an application of their own, with its own engine, door and lease, which is there only until they are
/// answered. So nothing of them is in the replica's figures, log or drain. A secret of this process tells them from a
/// client's, who can therefore not be answered by it.
/// </remarks>
internal sealed class WarmUp : IAsyncDisposable
{
    /// <summary>Its value is the secret; as any other header where that is wrong.</summary>
    internal const string Header = "x-stoker-warm-up";

    private const string Model = "warm-up";

    /// <summary>
    /// Of a load, before it begins: it takes 45 ms of a core. A model that is there sooner needs them itself, story-3m was
    /// ready 36 ms later with it; for one that takes longer they are some percent at most.
    /// </summary>
    internal static readonly TimeSpan Grace = TimeSpan.FromSeconds(0.5);

    /// <summary>What hangs is given up, since nobody waits for it.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private static readonly ReplicaModelOptions Instant = new() { PrefillTokensPerSecond = 1e9, DecodeTokensPerSecond = 1e6, AnswerTokens = 2 };

    private readonly EngineSlot _slot = new(TimeProvider.System); // a clock that moves, also where the replica's is a test's
    private readonly Lease _lease = new(length: null, TimeProvider.System);
    private readonly ReplicaApp _app;
    private volatile bool _isOver;

    /// <summary>Known to this process alone.</summary>
    internal string Secret { get; } = RandomNumberGenerator.GetHexString(32);

    public WarmUp() => _app = new(new()
    {
        ReplicaId = Model,
        ServedModelName = Model,
        Slot = _slot,
        Admission = new(),
        Lease = _lease,
        Recent = new(TimeProvider.System),
        Log = NullLogger.Instance,
        Time = TimeProvider.System,
        Started = DateTimeOffset.UnixEpoch,
        Drain = () => { },
    });

    /// <summary>Who answers this request in the replica's place; null for all but the own ones.</summary>
    public ReplicaApp? Of(HttpContext http) => !_isOver && http.Request.Headers[Header] == Secret ? _app : null;

    /// <summary>Ends quietly whatever happens: without it the first answer comes some milliseconds later.</summary>
    /// <param name="time">Whose grace it is.</param>
    /// <returns>All that was answered; empty when the model was there before, or something went wrong.</returns>
    public async Task<string> RunAsync(Task loading, EndPoint listener, TimeProvider time, CancellationToken cancellation)
    {
        using var patience = new CancellationTokenSource(Patience, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellation, patience.Token);
        try
        {
            if (await Task.WhenAny(loading, Task.Delay(Grace, time, either.Token)) == loading) return "";
            await _slot.LoadAsync(new SimulatedEngineLoader(Instant, TimeProvider.System, () => { }), either.Token);
            return await AskAsync(listener, either.Token);
        }
        catch (Exception)
        {
            return ""; // whatever it is, the replica meets it again where it counts
        }
        finally
        {
            _isOver = true;
        }
    }

    public ValueTask DisposeAsync()
    {
        _isOver = true;
        _lease.Dispose();
        return _slot.DisposeAsync();
    }

    /// <summary>All at once on one connection, which the last one closes.</summary>
    private async Task<string> AskAsync(EndPoint listener, CancellationToken cancellation)
    {
        var isUnix = listener is UnixDomainSocketEndPoint;
        using var socket = isUnix
            ? new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified)
            : new Socket(SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(listener, cancellation);
        await socket.SendAsync(Encoding.ASCII.GetBytes(Calls()), SocketFlags.None, cancellation);
        await using var stream = new NetworkStream(socket);
        using var reader = new StreamReader(stream, Encoding.ASCII);
        return await reader.ReadToEndAsync(cancellation);
    }

    /// <summary>What its owner asks of a replica, and a gateway.</summary>
    private string Calls()
    {
        const string Chat = $$"""{"model":"{{Model}}","messages":[{"role":"user","content":"Hi"}],"max_tokens":2,"temperature":0,"stream":""";
        const string Text = $$"""{"model":"{{Model}}","prompt":"Hi","max_tokens":2,"temperature":0,"stream":""";
        const string Resumes = $"{ReplicaProtocol.ResumeHeader}: 0\r\n";
        return Call($"GET {ReplicaProtocol.HealthPath}", "", "")
            + Call("POST /v1/chat/completions", Resumes, Chat + "true}")
            + Call("POST /v1/completions", Resumes, Text + "true,\"perf_metrics_in_response\":true}")
            + Call("POST /v1/chat/completions", "Connection: close\r\n", Chat + "false}");
    }

    private string Call(string line, string headers, string body) => string.Create(
        CultureInfo.InvariantCulture,
        $"{line} HTTP/1.1\r\nHost: replica\r\n{Header}: {Secret}\r\n{headers}{ReplicaProtocol.RequestIdHeader}: {Model}\r\n"
        + $"{ReplicaProtocol.CacheSaltHeader}: {Model}\r\nContent-Type: application/json\r\nContent-Length: {body.Length}\r\n\r\n{body}");
}
