using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Stoker.Replica.Hosting;

/// <summary>One place to listen: <c>unix:PATH</c> or <c>http://ADDRESS:PORT</c>, port 0 for any free one.</summary>
internal sealed record ListenAddress
{
    /// <summary>The kernel's bound on a socket's path, less its final zero.</summary>
    public const int MostPathBytes = 107;

    private const string UnixPrefix = "unix:";

    private ListenAddress(string text, string? socketPath, IPEndPoint? endPoint) =>
        (Text, SocketPath, EndPoint) = (text, socketPath, endPoint);

    public string Text { get; }

    public string? SocketPath { get; }

    public IPEndPoint? EndPoint { get; }

    public static bool TryParse(string text, [NotNullWhen(true)] out ListenAddress? address, [NotNullWhen(false)] out string? error)
    {
        (address, error) = text.StartsWith(UnixPrefix, StringComparison.Ordinal) ? Unix(text) : Tcp(text);
        return address is not null;
    }

    private static (ListenAddress?, string?) Unix(string text)
    {
        var path = text[UnixPrefix.Length..];
        if (path.Length == 0) return (null, "'unix:' must be followed by the socket's path");
        path = Path.GetFullPath(path);
        var length = Encoding.UTF8.GetByteCount(path);
        return length <= MostPathBytes
            ? (new(text, path, null), null)
            : (null, $"the socket's path is {length} bytes long, the system allows {MostPathBytes}; choose a shorter directory");
    }

    private static (ListenAddress?, string?) Tcp(string text)
    {
        if (!Uri.TryCreate(text, UriKind.Absolute, out var uri) || uri.Scheme != Uri.UriSchemeHttp || uri.PathAndQuery != "/")
        {
            return (null, $"'{text}' must be unix:PATH or http://ADDRESS:PORT");
        }

        var host = uri.Host == "localhost" ? "127.0.0.1" : uri.Host.Trim('[', ']');
        return IPAddress.TryParse(host, out var ip)
            ? (new(text, null, new(ip, uri.Port)), null)
            : (null, $"'{uri.Host}' must be an IP address or localhost");
    }

    /// <summary>
    /// Makes the socket's directory for us alone, and removes a socket file that nobody listens at any more.
    /// </summary>
    /// <exception cref="IOException">Somebody listens there.</exception>
    public static void PrepareSocket(string path)
    {
        var directory = Path.GetDirectoryName(path)!;
        if (!Directory.Exists(directory))
        {
            if (OperatingSystem.IsWindows()) Directory.CreateDirectory(directory);
            else Directory.CreateDirectory(directory, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }

        if (!File.Exists(path)) return;
        if (SomebodyListens(path))
        {
            throw new IOException($"Another process listens at {path}; stop it or choose another path");
        }

        File.Delete(path);
    }

    private static bool SomebodyListens(string path)
    {
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            socket.Connect(new UnixDomainSocketEndPoint(path));
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
