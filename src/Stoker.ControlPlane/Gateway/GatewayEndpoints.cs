using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Stoker.ControlPlane.Accounts;

namespace Stoker.ControlPlane.Gateway;

public static class GatewayEndpoints
{
    private const string Prefix = "/inference/v1";

    // Official clients with a changed base URL leave "/inference" out.
    private static readonly string[] Prefixes = [Prefix, "/v1"];

    /// <summary>
    /// The inference surface. Its routes check keys themselves, since their refusals have another form.
    /// </summary>
    public static void MapGateway(this IEndpointRouteBuilder routes)
    {
        foreach (var prefix in Prefixes)
        {
            var group = routes.MapGroup(prefix).WithTags("Inference").WithMetadata(new RequiresKeyMetadata());
            group.MapPost("/chat/completions", context => Handler(context).HandleAsync(context, Surface.Chat));
            group.MapPost("/completions", context => Handler(context).HandleAsync(context, Surface.Text));
            group.MapGet("/models", context => context.RequestServices.GetRequiredService<ModelListing>().HandleAsync(context));
        }

        // Under /v1 the management API has names of its own, and its own "no such path".
        routes.Map(Prefix + "/{**path}", UnknownPathAsync).WithMetadata(new RequiresKeyMetadata());
    }

    private static InferenceHandler Handler(HttpContext context) =>
        context.RequestServices.GetRequiredService<InferenceHandler>();

    /// <summary>404, or 405 for a path that exists with another method: this route catches those as well.</summary>
    private static Task UnknownPathAsync(HttpContext context)
    {
        var authenticator = context.RequestServices.GetRequiredService<Authenticator>();
        if (!authenticator.TryAuthenticate(context, KeyScopes.Inference, out _, out var refusal)) return InferenceError.Refused(refusal).WriteAsync(context);
        var allowed = context.Request.RouteValues["path"] switch
        {
            "chat/completions" or "completions" => HttpMethods.Post,
            "models" => HttpMethods.Get,
            _ => null,
        };
        if (allowed is null)
        {
            return new InferenceError(
                StatusCodes.Status404NotFound,
                "NOT_FOUND",
                $"There is no such path here: {Prefix}/chat/completions, {Prefix}/completions and {Prefix}/models are served").WriteAsync(context);
        }

        context.Response.OnStarting(() =>
        {
            context.Response.Headers.Allow = allowed;
            return Task.CompletedTask;
        });
        return new InferenceError(
            StatusCodes.Status405MethodNotAllowed, "METHOD_NOT_ALLOWED", $"This path takes {allowed} only").WriteAsync(context);
    }
}
