using System.Net.Sockets;

namespace Stoker.Benchmarks.Replicas;

/// <summary>HTTP over a replica's own unix socket.</summary>
internal static class ReplicaSocket
{
    public static Uri Address { get; } = new("http://replica");

    public static SocketsHttpHandler Handler(string socket) => new()
    {
        UseProxy = false,
        ConnectCallback = async (_, cancellation) =>
        {
            var connection = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            try
            {
                await connection.ConnectAsync(new UnixDomainSocketEndPoint(socket), cancellation);
                return new NetworkStream(connection, ownsSocket: true);
            }
            catch
            {
                connection.Dispose();
                throw;
            }
        },
    };

    public static HttpClient Client(string socket) => new(Handler(socket)) { BaseAddress = Address };
}
