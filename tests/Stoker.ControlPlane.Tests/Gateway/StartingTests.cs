using System.Net;
using Stoker.ControlPlane.Routing;

namespace Stoker.ControlPlane.Tests.Gateway;

/// <summary>A server that has just started: a client must not take "not known yet" for "not there".</summary>
public class StartingTests
{
    [Fact]
    public async Task Before_the_deployments_are_known_none_is_called_missing()
    {
        await using var host = await GatewayHost.StartAsync();
        using var client = host.Admin();
        host.Routing.Publish(RoutingTable.Unknown);

        using (var early = await client.CompleteAsync())
        {
            (await early.ErrorAsync(503)).GetProperty("code").GetString().ShouldBe("SERVER_STARTING");
            early.Headers.RetryAfter.ShouldNotBeNull();
        }

        using (var listed = await client.GetAsync("/inference/v1/models", TestContext.Current.CancellationToken))
        {
            await listed.ErrorAsync(503);
        }

        host.Routing.Publish(new RoutingTable([]));
        using var known = await client.CompleteAsync();
        known.StatusCode.ShouldBe(HttpStatusCode.NotFound);
    }
}
