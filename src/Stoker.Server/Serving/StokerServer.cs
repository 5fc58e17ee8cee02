using Stoker.ControlPlane.Accounts;
using Stoker.ControlPlane.Storage;

namespace Stoker.Server.Serving;

/// <summary>A running server: API, gateway and controllers in this process.</summary>
internal sealed class StokerServer : IAsyncDisposable
{
    private readonly WebApplication _app;

    private StokerServer(WebApplication app, Uri url)
    {
        (_app, Url) = (app, url);
        KeyFile = app.Services.GetRequiredService<DataDirectory>().AdminKey;
        Account = $"accounts/{app.Services.GetRequiredService<Microsoft.Extensions.Options.IOptions<AccountOptions>>().Value.FirstAccount}";
    }

    /// <summary>Where it listens, with the port it really got.</summary>
    public Uri Url { get; }

    public string KeyFile { get; }

    /// <summary>The first account's name.</summary>
    public string Account { get; }

    public string AdminKey => File.ReadAllText(KeyFile).Trim();

    public CancellationToken Stopping => _app.Lifetime.ApplicationStopping;

    /// <exception cref="StartException">It cannot start; the message says why and what to do.</exception>
    public static async Task<StokerServer> StartAsync(ServerOptions options, CancellationToken cancellation)
    {
        if (ListenAddress.WhyNot(options.Url) is { } reason) throw new StartException(reason);
        WebApplication? app = null;
        try
        {
            app = ServerHost.Build(options);
            await app.StartAsync(cancellation);
            var server = new StokerServer(app, new Uri(app.Urls.First()));
            EndpointFile.Write(server.Url, server.KeyFile);
            return server;
        }
        catch (Exception error) when (StartException.Explain(error, options) is { } explained)
        {
            if (app is not null) await app.DisposeAsync();
            throw explained;
        }
    }

    /// <summary>Until SIGINT, SIGTERM or the token ask it to stop, and it has.</summary>
    public Task WaitForShutdownAsync(CancellationToken cancellation) => _app.WaitForShutdownAsync(cancellation);

    public async ValueTask DisposeAsync()
    {
        EndpointFile.RemoveOwn();
        await _app.StopAsync(CancellationToken.None);
        await _app.DisposeAsync();
    }
}
