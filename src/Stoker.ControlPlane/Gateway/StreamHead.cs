using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Stoker.ControlPlane.Gateway;

/// <summary>The head of an answer in events; it goes out with the first flush.</summary>
internal static class StreamHead
{
    public const string ContentType = "text/event-stream";

    public static void Set(HttpContext context)
    {
        var response = context.Response;
        response.StatusCode = StatusCodes.Status200OK;
        response.ContentType = ContentType;
        response.Headers.CacheControl = "no-cache";
        response.Headers["X-Accel-Buffering"] = "no";
        context.Features.Get<IHttpResponseBodyFeature>()?.DisableBuffering();
    }
}
