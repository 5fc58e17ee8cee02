using System.Net;
using System.Net.Sockets;

namespace Stoker.Server.Serving;

/// <summary>
/// Looks at an address before anything is started on it, so that a taken port stops nothing half-way.
/// </summary>
internal static class ListenAddress
{
    /// <summary>
    /// Why this address cannot be listened on, or null. A port taken between this look and the real one still fails,
    /// only less politely.
    /// </summary>
    public static string? WhyNot(Uri url)
    {
        if (url.Scheme != Uri.UriSchemeHttp && url.Scheme != Uri.UriSchemeHttps)
        {
            return $"{url} cannot be listened on: only http:// or https:// addresses work";
        }

        if (!TryAddress(url, out var address))
        {
            return $"{url.Host} is no address of this machine: use an IP address such as 127.0.0.1 or 0.0.0.0, or localhost";
        }

        try
        {
            using var probe = new TcpListener(address, url.Port);
            probe.Start();
            return null;
        }
        catch (SocketException error) when (error.SocketErrorCode == SocketError.AddressAlreadyInUse)
        {
            return $"port {url.Port} of {url.Host} is taken: another server runs there (see ~/.stoker/endpoint.json); stop it, or choose another with --url {url.Scheme}://{url.Host}:PORT";
        }
        catch (SocketException error)
        {
            return $"{url} cannot be listened on: {error.Message}; choose another address with --url";
        }
    }

    /// <summary>Whether keys and prompts go over a network in clear.</summary>
    public static bool IsOpen(Uri url) =>
        url.Scheme == Uri.UriSchemeHttp && TryAddress(url, out var address) && !IPAddress.IsLoopback(address);

    public static bool TryAddress(Uri url, out IPAddress address)
    {
        address = IPAddress.Loopback;
        return url.Host is "localhost" || IPAddress.TryParse(url.Host.Trim('[', ']'), out address!);
    }
}
