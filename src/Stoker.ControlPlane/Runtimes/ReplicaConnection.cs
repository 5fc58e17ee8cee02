using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text.Json;
using Stoker.Api;
using Stoker.Api.Replicas;

namespace Stoker.ControlPlane.Runtimes;

/// <summary>
/// The owner's side of a replica's own calls, over its unix socket. No answer is null or false, never an exception.
/// </summary>
internal sealed partial class ReplicaConnection(ReplicaId id, string socketPath, TimeProvider time) : IDisposable
{
    /// <summary>
    /// A health answer costs a replica microseconds; one under full load of its machine may take a second.
    /// </summary>
    private static readonly TimeSpan CallTimeout = TimeSpan.FromSeconds(3);

    private readonly HttpClient _client =
        new(Handler(socketPath)) { BaseAddress = new("http://replica/"), Timeout = Timeout.InfiniteTimeSpan };

    /// <summary>Of whoever answers there: its id says who that is.</summary>
    /// <param name="wait">
    /// The longest that a replica which loads may wait for news before it answers; zero asks for an answer at once.
    /// </param>
    public async Task<ReplicaHealth?> HealthAsync(TimeSpan wait, CancellationToken cancellation)
    {
        try
        {
            using var timeout = new CancellationTokenSource(CallTimeout + wait, time);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellation, timeout.Token);
            using var response = await _client.GetAsync(wait > TimeSpan.Zero ? WaitingPath(wait) : ReplicaProtocol.HealthPath, either.Token);
            return await response.Content.ReadFromJsonAsync(ApiJson.Default.ReplicaHealth, either.Token);
        }
        catch (Exception error) when (IsNoAnswer(error))
        {
            // also when the replica failed in the same moment: the caller expects this alone
            cancellation.ThrowIfCancellationRequested();
            return null;
        }
    }

    public Task<bool> RenewLeaseAsync(TimeSpan length, CancellationToken cancellation) => PostAsync(
        ReplicaProtocol.LeasePath,
        JsonContent.Create(new RenewLeaseRequest(id.ToString(), length.TotalSeconds), ApiJson.Default.RenewLeaseRequest),
        cancellation);

    public Task<bool> DrainAsync(CancellationToken cancellation) =>
        PostAsync(ReplicaProtocol.DrainPath, content: null, cancellation);

    public void Dispose() => _client.Dispose();

    private async Task<bool> PostAsync(string path, HttpContent? content, CancellationToken cancellation)
    {
        try
        {
            using var timeout = new CancellationTokenSource(CallTimeout, time);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellation, timeout.Token);
            using var response = await _client.PostAsync(path, content, either.Token);
            return response.IsSuccessStatusCode;
        }
        catch (Exception error) when (IsNoAnswer(error))
        {
            // also when the replica failed in the same moment: the caller expects this alone
            cancellation.ThrowIfCancellationRequested();
            return false;
        }
    }

    private static string WaitingPath(TimeSpan wait) => string.Create(
        CultureInfo.InvariantCulture, $"{ReplicaProtocol.HealthPath}?{ReplicaProtocol.HealthWaitQuery}={(int)wait.TotalMilliseconds}");

    private static bool IsNoAnswer(Exception error) =>
        error is HttpRequestException or IOException or OperationCanceledException or JsonException;

    private static SocketsHttpHandler Handler(string socketPath) => new()
    {
        ActivityHeadersPropagator = null,
        // Anew each time, which costs some 0.1 ms: an open connection says nothing of who is at the address now.
        PooledConnectionLifetime = TimeSpan.Zero,
        AllowAutoRedirect = false,
        AutomaticDecompression = DecompressionMethods.None,
        UseProxy = false,
        ConnectCallback = async (_, cancellation) =>
        {
            var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            try
            {
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(socketPath), cancellation);
                return new NetworkStream(socket, ownsSocket: true);
            }
            catch
            {
                socket.Dispose();
                throw;
            }
        },
    };
}
