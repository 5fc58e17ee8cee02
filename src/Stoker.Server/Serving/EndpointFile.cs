using System.Diagnostics;
using Stoker.Api;

namespace Stoker.Server.Serving;

/// <summary>
/// Tells programs of the same user where this server is, while it runs: <c>~/.stoker/endpoint.json</c>. The newest
/// server wins; one that ends puts back the server it displaced, if that still runs, and leaves a file alone that is
/// not its own any more.
/// </summary>
internal sealed partial class EndpointFile
{
    private readonly LocalEndpoint? _displaced;

    private EndpointFile(LocalEndpoint? displaced) => _displaced = displaced;

    /// <returns>
    /// The file, or null where it cannot be written: the server works without it, and firectl then needs flags.
    /// </returns>
    public static EndpointFile? Write(Uri url, string keyFile, ILogger log)
    {
        try
        {
            var file = new EndpointFile(LocalEndpoint.Read(ServerOptions.Home));
            new LocalEndpoint(url.GetLeftPart(UriPartial.Authority), Environment.ProcessId, keyFile).Write(ServerOptions.Home);
            return file;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            LogUnwritable(log, LocalEndpoint.PathIn(ServerOptions.Home), error.Message);
            return null;
        }
    }

    public void Remove()
    {
        if (LocalEndpoint.Read(ServerOptions.Home)?.Pid != Environment.ProcessId) return;
        try
        {
            if (_displaced is not null && _displaced.Pid != Environment.ProcessId && _displaced.IsServerAlive()) _displaced.Write(ServerOptions.Home);
            else File.Delete(LocalEndpoint.PathIn(ServerOptions.Home));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // A stale file does no harm: readers look whether its process lives.
            Debug.WriteLine(error.Message);
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Path} cannot be written, so firectl does not find this server by itself and needs --base-url and --api-key: {Reason}")]
    private static partial void LogUnwritable(ILogger log, string path, string reason);
}
