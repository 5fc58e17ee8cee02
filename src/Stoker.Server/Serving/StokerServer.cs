using Microsoft.Extensions.Options;
using Stoker.ControlPlane.Accounts;
using Stoker.ControlPlane.Storage;

namespace Stoker.Server.Serving;

/// <summary>A running server: API, gateway and controllers in this process.</summary>
internal sealed partial class StokerServer : IAsyncDisposable
{
    private readonly WebApplication _app;
    private EndpointFile? _endpoint;

    private StokerServer(WebApplication app, Uri url)
    {
        (_app, Url) = (app, url);
        KeyFile = app.Services.GetRequiredService<DataDirectory>().AdminKey;
        Account = $"accounts/{app.Services.GetRequiredService<IOptions<AccountOptions>>().Value.FirstAccount}";
    }

    /// <summary>Where it listens, with the port it really got.</summary>
    public Uri Url { get; }

    public string KeyFile { get; }

    /// <summary>The first account's name.</summary>
    public string Account { get; }

    /// <exception cref="StartException">The file is not there any more: its owner may have put the key
    /// elsewhere.</exception>
    public string AdminKey => File.Exists(KeyFile)
        ? File.ReadAllText(KeyFile).Trim()
        : throw new StartException($"{KeyFile} is gone, and this needs the key in it: put it back, or choose another --data");

    public CancellationToken Stopping => _app.Lifetime.ApplicationStopping;

    /// <exception cref="StartException">It cannot start; the message says why and what to do.</exception>
    public static async Task<StokerServer> StartAsync(ServerOptions options, CancellationToken cancellation)
    {
        if (ListenAddress.WhyNot(options.Url) is { } reason) throw new StartException(reason);
        WebApplication? app = null;
        try
        {
            app = ServerHost.Build(options);
            Prepare(app.Services);
            await app.StartAsync(cancellation);
            var server = new StokerServer(app, new Uri(app.Urls.First()));
            var log = app.Services.GetRequiredService<ILogger<StokerServer>>();
            if (ListenAddress.IsOpen(options.Url)) LogOpen(log, server.Url);
            server._endpoint = EndpointFile.Write(server.Url, server.KeyFile, log);
            return server;
        }
        catch (Exception error) when (StartException.Explain(error, options) is { } explained)
        {
            if (app is not null) await app.DisposeAsync();
            throw explained;
        }
    }

    /// <summary>
    /// What a user can get wrong, before the host: it would log a failure of its own with a stack beside the sentence
    /// that explains it.
    /// </summary>
    private static void Prepare(IServiceProvider services)
    {
        services.GetService<IStartupValidator>()?.Validate();
        services.GetRequiredService<IResourceStore>();
        services.GetService<TlsCertificate>();
    }

    /// <summary>Until SIGINT, SIGTERM or the token ask it to stop, and it has.</summary>
    public Task WaitForShutdownAsync(CancellationToken cancellation) => _app.WaitForShutdownAsync(cancellation);

    public async ValueTask DisposeAsync()
    {
        _endpoint?.Remove();
        await _app.StopAsync(CancellationToken.None);
        await _app.DisposeAsync();
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Url} is reached from other machines without TLS: keys and prompts can be read on the way. Listen on https:// (docs/accounts.md, TLS), or on 127.0.0.1 behind a TLS proxy")]
    private static partial void LogOpen(ILogger log, Uri url);
}
