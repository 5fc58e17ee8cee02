using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Stoker.ControlPlane.Accounts;
using Stoker.ControlPlane.Tests.Gateway;
using Stoker.Testing;

namespace Stoker.ControlPlane.Tests.Accounts;

public class OpenRoutesTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(null)]
    [InlineData("fw_wrong")]
    public async Task No_route_answers_without_a_key(string? key)
    {
        await using var host = await GatewayHost.StartAsync();
        using var client = host.Client(key);
        var routes = host.App.Services.GetRequiredService<EndpointDataSource>();

        (await RouteWalk.FindOpenAsync(routes, client, Cancellation)).ShouldBeEmpty();

        routes.Endpoints.Count.ShouldBeGreaterThan(15);
        routes.Endpoints.ShouldAllBe(route => route.Metadata.GetMetadata<RequiresKeyMetadata>() != null);
    }

    [Fact]
    public async Task The_walk_finds_a_route_that_is_open()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(System.Net.IPAddress.Loopback, 0));
        await using var app = builder.Build();
        app.MapPost("/v1/accounts/{account}/things:{verb}", () => "open");
        await app.StartAsync(Cancellation);
        using var client = new HttpClient { BaseAddress = new Uri(app.Urls.Single()) };

        var open =
            await RouteWalk.FindOpenAsync(app.Services.GetRequiredService<EndpointDataSource>(), client, Cancellation);

        open.ShouldBe(["POST /v1/accounts/{account}/things:{verb}"]);
    }
}
