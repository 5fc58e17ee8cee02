using System.Net.Sockets;
using System.Text;

namespace Stoker.EndToEnd.Tests.Harness;

/// <summary>Calls at the own socket of the one replica of a sandbox, past the server.</summary>
internal static class ReplicaSocket
{
    public static async Task<string> GetAsync(Sandbox sandbox, string path)
    {
        using var http = Client(sandbox);
        return await http.GetStringAsync(new Uri(path, UriKind.Relative));
    }

    public static async Task PostAsync(Sandbox sandbox, string path, string body)
    {
        using var http = Client(sandbox);
        using var content = new StringContent(body, Encoding.UTF8, "application/json");
        using var answer = await http.PostAsync(new Uri(path, UriKind.Relative), content);
        answer.EnsureSuccessStatusCode();
    }

    private static HttpClient Client(Sandbox sandbox)
    {
        var path = Directory.EnumerateFiles(Path.Combine(sandbox.Data, "s")).ShouldHaveSingleItem();
        return new(new SocketsHttpHandler
        {
            ConnectCallback = async (_, cancellation) =>
            {
                var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), cancellation);
                return new NetworkStream(socket, ownsSocket: true);
            },
        })
        {
            BaseAddress = new("http://replica/"),
        };
    }
}
