using System.Globalization;
using System.Net.Sockets;

namespace Stoker.EndToEnd.Tests.Harness;

/// <summary>What the one replica of a sandbox says of itself, asked at its own socket.</summary>
internal static class ReplicaMetrics
{
    public static async Task<double> ReadAsync(Sandbox sandbox, string name)
    {
        var path = Directory.EnumerateFiles(Path.Combine(sandbox.Data, "s")).ShouldHaveSingleItem();
        using var handler = new SocketsHttpHandler
        {
            ConnectCallback = async (_, cancellation) =>
            {
                var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), cancellation);
                return new NetworkStream(socket, ownsSocket: true);
            },
        };
        using var http = new HttpClient(handler);
        var text = await http.GetStringAsync(new Uri("http://replica/metrics"));
        var line = text.Split('\n').FirstOrDefault(line => line.StartsWith(name, StringComparison.Ordinal))
            ?? throw new InvalidDataException($"no {name} in:\n{text}");
        return double.Parse(line[(line.LastIndexOf(' ') + 1)..], CultureInfo.InvariantCulture);
    }
}
