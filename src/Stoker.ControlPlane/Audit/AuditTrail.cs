using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Stoker.ControlPlane.Resources;

namespace Stoker.ControlPlane.Audit;

/// <summary>Marks a GET that changes something all the same, so that it leaves an entry as other changes do.</summary>
public sealed class ChangesMetadata;

/// <summary>The one place that writes the audit log: around every route of the groups that it is put on.</summary>
public static class AuditTrail
{
    /// <summary>
    /// Each call of a route that is no GET (or is marked with <see cref="ChangesMetadata"/>) leaves one entry: written before its
    /// handler runs, without an outcome, and completed before the first byte of the answer goes out. A change that cannot be
    /// logged is not made. Refusals of callers with a key leave one too.
    /// </summary>
    public static RouteGroupBuilder WithAudit(this RouteGroupBuilder routes)
    {
        // Inside of the access check: the call is let through and begins now.
        routes.AddEndpointFilter(BeginAsync);
        // Around everything else, the access check included: what became of it.
        ((IEndpointConventionBuilder)routes).Finally(Wrap);
        return routes;
    }

    /// <summary>Whether the calls of a route and method leave entries.</summary>
    public static bool IsLogged(string method, EndpointMetadataCollection metadata) =>
        !HttpMethods.IsGet(method) || metadata.GetMetadata<ChangesMetadata>() is not null;

    private static void Wrap(EndpointBuilder endpoint)
    {
        if (endpoint is not RouteEndpointBuilder { RequestDelegate: { } inner } route) return;
        endpoint.RequestDelegate = async context =>
        {
            if (!IsLogged(context.Request.Method, context.GetEndpoint()!.Metadata))
            {
                await inner(context);
                return;
            }

            var log = context.RequestServices.GetRequiredService<AuditLog>();
            var call = log.Meet(context, AuditMethod.NameOf(context.Request.Method, route.RoutePattern));
            context.Features.Set(call);
            context.Response.OnStarting(() => log.FinishAsync(call));
            try
            {
                await inner(context);
            }
            finally
            {
                // The head may never go out: the client left, or a bug makes its answer further out.
                if (context.RequestAborted.IsCancellationRequested) await log.FinishAsync(call);
            }
        };
    }

    private static async ValueTask<object?> BeginAsync(EndpointFilterInvocationContext invocation, EndpointFilterDelegate next)
    {
        var context = invocation.HttpContext;
        if (context.Features.Get<AuditCall>() is not { } call) return await next(invocation);
        var result = await Failures.Answer(invocation, async inner =>
        {
            if (call is { HasCaller: true, Counts: true }) await context.RequestServices.GetRequiredService<AuditLog>().BeginAsync(call, context.RequestAborted);
            return await next(inner);
        });
        call.See(result);
        return result;
    }
}
