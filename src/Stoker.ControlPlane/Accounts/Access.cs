using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Routing.Patterns;
using Microsoft.Extensions.DependencyInjection;
using Stoker.Api.Names;
using Stoker.Api.Problems;
using Stoker.ControlPlane.Resources;

namespace Stoker.ControlPlane.Accounts;

/// <summary>Marks a route that asks for a key, for tests and tools that read the route table.</summary>
public sealed class RequiresKeyMetadata;

/// <summary>Guards management routes.</summary>
public static class Access
{
    /// <summary>
    /// Lets only callers through whose key opens the route: any valid key for routes without an account; for
    /// <c>/v1/accounts/{account}/...</c> as <see cref="AccessRule"/> and <see cref="RoleTable"/> say. Goes on a route or a
    /// group of routes.
    /// </summary>
    /// <remarks>
    /// It wraps the whole endpoint rather than being a filter: filters run after the parameters are bound, so that a
    /// stranger could make the server read bodies and learn from binding errors.
    /// </remarks>
    /// <param name="scopes">Scopes of which the key must have one.</param>
    public static TBuilder RequireAccess<TBuilder>(this TBuilder routes, KeyScopes scopes = KeyScopes.Control)
        where TBuilder : IEndpointConventionBuilder
    {
        routes.Add(endpoint =>
        {
            var inner =
                endpoint.RequestDelegate ?? throw new InvalidOperationException("The route has no handler to guard");
            var collection = endpoint is RouteEndpointBuilder route ? CollectionOf(route.RoutePattern) : null;
            endpoint.Metadata.Add(new RequiresKeyMetadata());
            endpoint.RequestDelegate = context =>
                Check(context, scopes, collection) is { } problem ? new ProblemResult(problem).ExecuteAsync(context) : inner(context);
        });
        return routes;
    }

    /// <summary>
    /// The last collection of a pattern below an account, <c>apiKeys</c> of <c>/v1/accounts/{account}/users/{user}/apiKeys:delete</c>;
    /// <see cref="RoleTable.Account"/> for the account itself, null for a pattern without one.
    /// </summary>
    internal static string? CollectionOf(RoutePattern pattern)
    {
        var segments = pattern.PathSegments;
        if (segments.Count < 3 || !IsLiteral(segments[1], AccountName.Collection)) return null;
        var last = RoleTable.Account;
        for (var i = 3; i < segments.Count; i++)
        {
            if (segments[i].Parts[0] is RoutePatternLiteralPart literal) last = literal.Content.Split(':')[0];
        }

        return last;
    }

    private static bool IsLiteral(RoutePatternPathSegment segment, string text) =>
        segment.Parts is [RoutePatternLiteralPart literal] && literal.Content == text;

    private static Problem? Check(HttpContext context, KeyScopes scopes, string? collection)
    {
        var authenticator = context.RequestServices.GetRequiredService<Authenticator>();
        if (!authenticator.TryAuthenticate(context, scopes, out var caller, out var refusal)) return refusal;
        if (collection is null) return null;
        var isRead = HttpMethods.IsGet(context.Request.Method);
        var account = context.Request.RouteValues["account"] as string;
        return AccessRule.Check(caller, account, context.Request.Path.Value ?? "", isRead) ?? RoleTable.Check(caller.Role, collection, isRead);
    }
}
