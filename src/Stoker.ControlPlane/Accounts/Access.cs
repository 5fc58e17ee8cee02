using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
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
    /// <c>/v1/accounts/{account}/...</c> as <see cref="AccessRule"/> says. Goes on a route or a group of routes.
    /// </summary>
    /// <remarks>
    /// It wraps the whole endpoint rather than being a filter: filters run after the parameters are bound, so that a
    /// stranger could make the server read bodies and learn from binding errors.
    /// </remarks>
    public static TBuilder RequireAccess<TBuilder>(this TBuilder routes)
        where TBuilder : IEndpointConventionBuilder
    {
        routes.Add(endpoint =>
        {
            var inner =
                endpoint.RequestDelegate ?? throw new InvalidOperationException("The route has no handler to guard");
            endpoint.Metadata.Add(new RequiresKeyMetadata());
            endpoint.RequestDelegate = context =>
                Check(context) is { } problem ? new ProblemResult(problem).ExecuteAsync(context) : inner(context);
        });
        return routes;
    }

    private static Problem? Check(HttpContext context)
    {
        var principal = context.RequestServices.GetRequiredService<Authenticator>().Authenticate(context);
        if (principal is null) return AccessRule.Unauthenticated;
        var account = context.Request.RouteValues.TryGetValue("account", out var value) ? value as string : null;
        return AccessRule.Check(principal, account, context.Request.Path.Value ?? "", HttpMethods.IsGet(context.Request.Method));
    }
}
