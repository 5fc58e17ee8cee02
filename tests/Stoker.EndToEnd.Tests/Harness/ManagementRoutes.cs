using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Routing;
using Stoker.ControlPlane.Accounts;
using Stoker.ControlPlane.Audit;
using Stoker.Server.Serving;

namespace Stoker.EndToEnd.Tests.Harness;

/// <summary>One route of the management API as the server itself lists it.</summary>
/// <param name="Collection">Its last collection below the account; empty for the account itself.</param>
/// <param name="IsLogged">Whether a call of it leaves an entry in the audit log.</param>
internal sealed partial record ManagementRoute(string Method, string Pattern, string Collection, bool IsLogged)
{
    public bool IsRead => Method == "GET";

    public override string ToString() => $"{Method} {Pattern}";

    /// <summary>The route's path with names in it. What is not given is called <c>x</c>.</summary>
    public string Path(string account, params (string Parameter, string Value)[] values) => Parameter().Replace(Pattern, match =>
    {
        var name = match.Groups[1].Value;
        return name == "account" ? account : values.FirstOrDefault(pair => pair.Parameter == name).Value ?? "x";
    });

    [GeneratedRegex(@"\{\**(\w+)[^}]*\}")]
    private static partial Regex Parameter();
}

/// <summary>The route table, out of the host that the server runs; a route that is added tomorrow is in it.</summary>
internal static class ManagementRoutes
{
    private static readonly string[] Surfaces = ["/v1/chat/", "/v1/completions", "/v1/models", "/inference/"];

    /// <summary>Every route of management that asks for a key.</summary>
    public static async Task<IReadOnlyList<ManagementRoute>> ReadAsync(Sandbox sandbox)
    {
        var data = System.IO.Path.Combine(sandbox.Root, "unused");
        await using var app = ServerHost.Build(new ServerOptions { Url = new Uri("http://127.0.0.1:0"), DataDirectory = data });
        List<ManagementRoute> routes = [.. ((IEndpointRouteBuilder)app).DataSources
            .SelectMany(source => source.Endpoints)
            .OfType<RouteEndpoint>()
            .Where(route => route.Metadata.GetMetadata<RequiresKeyMetadata>() is not null)
            .SelectMany(route => (route.Metadata.GetMetadata<HttpMethodMetadata>()?.HttpMethods ?? ["GET", "POST"]).Select(method => new ManagementRoute(
                method,
                "/" + route.RoutePattern.RawText!.Trim('/'),
                CollectionOf(route.RoutePattern.RawText!.Trim('/')),
                AuditTrail.IsLogged(method, route.Metadata))))
            .Where(route => !Surfaces.Any(surface => route.Pattern.StartsWith(surface, StringComparison.Ordinal)))
            .DistinctBy(route => route.ToString())];
        routes.Count.ShouldBeGreaterThan(45); // the table is there
        return routes;
    }

    private static string CollectionOf(string pattern) => pattern.Split('/').Skip(3)
        .Where(segment => !segment.StartsWith('{')).Select(segment => segment.Split(':')[0]).LastOrDefault("");
}
