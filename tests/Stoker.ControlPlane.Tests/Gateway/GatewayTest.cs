namespace Stoker.ControlPlane.Tests.Gateway;

/// <summary>A test of one gateway, which is its own, asked by the admin of its account.</summary>
public abstract class GatewayTest : IAsyncLifetime
{
    private protected GatewayHost Host { get; private set; } = null!;

    private protected HttpClient Client { get; private set; } = null!;

    private protected static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        Host = await GatewayHost.StartAsync();
        Client = Host.Admin();
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await Host.DisposeAsync();
        GC.SuppressFinalize(this);
    }
}
