using System.Diagnostics;
using Stoker.Api;

namespace Stoker.Server.Serving;

/// <summary>
/// Tells programs of the same user where this server is, while it runs: <c>~/.stoker/endpoint.json</c>. The newest server wins; a server
/// removes the file only if it is still its own.
/// </summary>
internal static class EndpointFile
{
    public static void Write(Uri url, string keyFile) =>
        new LocalEndpoint(url.GetLeftPart(UriPartial.Authority), Environment.ProcessId, keyFile).Write(ServerOptions.Home);

    public static void RemoveOwn()
    {
        if (LocalEndpoint.Read(ServerOptions.Home)?.Pid != Environment.ProcessId) return;
        try
        {
            File.Delete(LocalEndpoint.PathIn(ServerOptions.Home));
        }
        catch (IOException error)
        {
            // A stale file does no harm: readers look whether its process lives.
            Debug.WriteLine(error.Message);
        }
    }
}
