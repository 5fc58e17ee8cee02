using System.Net;
using Stoker.ControlPlane.Routing;
using Stoker.Testing;

namespace Stoker.ControlPlane.Tests.Gateway;

/// <summary>A server that has just started: a client must not take "not known yet" for "not there".</summary>
public class StartingTests
{
    [Fact]
    public async Task Before_the_deployments_are_known_none_is_called_missing()
    {
        await using var host = await GatewayHost.StartAsync(settings: "Stoker:Gateway:StartPatience=00:00:00");
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

    [Fact]
    public async Task Who_comes_too_early_waits_for_the_deployments_to_be_known()
    {
        await using var host = await GatewayHost.StartAsync(new ManualTime(DateTimeOffset.UnixEpoch)); // so that no patience ends
        using var client = host.Admin();
        host.Routing.Publish(RoutingTable.Unknown);

        var (early, listed) = (client.CompleteAsync(), client.GetAsync("/inference/v1/models", TestContext.Current.CancellationToken));
        host.Routing.Publish(new RoutingTable([]));

        using (var answer = await early) answer.StatusCode.ShouldBe(HttpStatusCode.NotFound);
        using (var answer = await listed) answer.StatusCode.ShouldBe(HttpStatusCode.OK);
    }
}
