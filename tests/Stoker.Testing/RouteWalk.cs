using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Routing.Patterns;

namespace Stoker.Testing;

/// <summary>
/// Calls every route of a host, so that none can be forgotten by a test of what they all have to hold.
/// </summary>
public static class RouteWalk
{
    /// <summary>
    /// The routes that do not answer 401 to a client, as <c>METHOD /pattern</c>, in ordinal order. A test compares them
    /// with the few that are meant to be open.
    /// </summary>
    /// <param name="routes">All routes of the host:
    /// <c>app.Services.GetRequiredService&lt;EndpointDataSource&gt;()</c>.</param>
    /// <param name="client">A client without a key, or with a wrong one.</param>
    public static async Task<IReadOnlyList<string>> FindOpenAsync(EndpointDataSource routes, HttpClient client, CancellationToken cancellation)
    {
        var open = new SortedSet<string>(StringComparer.Ordinal);
        foreach (var route in routes.Endpoints.OfType<RouteEndpoint>())
        {
            foreach (var method in route.Metadata.GetMetadata<HttpMethodMetadata>()?.HttpMethods ?? ["GET", "POST"])
            {
                using var request = new HttpRequestMessage(new HttpMethod(method), PathOf(route.RoutePattern));
                using var answer = await client.SendAsync(request, cancellation);
                if ((int)answer.StatusCode != 401) open.Add($"{method} {route.RoutePattern.RawText}");
            }
        }

        return [.. open];
    }

    /// <summary>
    /// A path that the pattern matches: every parameter is <c>default</c>, the name of the first account, so that it
    /// may exist.
    /// </summary>
    private static string PathOf(RoutePattern pattern) => "/" + string.Join(
        '/', pattern.PathSegments.Select(segment => string.Concat(segment.Parts.Select(part => part switch
        {
            RoutePatternLiteralPart literal => literal.Content,
            RoutePatternSeparatorPart separator => separator.Content,
            _ => "default",
        }))));
}
