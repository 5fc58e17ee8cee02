using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Routing;
using Stoker.EndToEnd.Tests.Harness;
using Stoker.Server.Serving;

namespace Stoker.EndToEnd.Tests;

/// <summary>Every route of the server, as the server itself lists them, is asked without a key.</summary>
public class RouteTableTests
{
    // A load balancer has no key, and says nothing but that the process answers.
    private static readonly string[] Open = ["GET /health"];

    [Fact]
    public async Task Every_route_but_health_refuses_a_stranger()
    {
        using var sandbox = new Sandbox();
        await using var server = await StokerServerProcess.StartAsync(sandbox);
        var routes = await RoutesAsync(sandbox);
        routes.Count.ShouldBeGreaterThan(40);
        routes.ShouldContain("POST /inference/v1/chat/completions");
        foreach (var route in routes.Except(Open))
        {
            var (method, path) = (route.Split(' ')[0], route.Split(' ')[1]);
            var answer = await RawHttp.SendAsync(server, method, path, method == "GET" ? null : "{"u8.ToArray(), "Authorization:");
            answer.Status.ShouldBe(401, $"{route}: {answer.Text}");
            answer.Header("WWW-Authenticate").ShouldBe("Bearer", route);
        }

        (await RawHttp.SendAsync(server, "GET", "/health", null, "Authorization:")).Text.ShouldBe("ok\n");
    }

    private static async Task<List<string>> RoutesAsync(Sandbox sandbox)
    {
        var data = Path.Combine(sandbox.Root, "unused");
        await using var app = ServerHost.Build(new ServerOptions { Url = new Uri("http://127.0.0.1:0"), DataDirectory = data });
        return [.. ((IEndpointRouteBuilder)app).DataSources
            .SelectMany(source => source.Endpoints)
            .OfType<RouteEndpoint>()
            .SelectMany(route => (route.Metadata.GetMetadata<HttpMethodMetadata>()?.HttpMethods ?? ["POST"])
                .Select(method => $"{method} /{Filled(route.RoutePattern.RawText!).TrimStart('/')}"))
            .Distinct()];
    }

    private static string Filled(string pattern) => Regex.Replace(pattern, @"\{[^}]*\}", "x");
}
