using Microsoft.AspNetCore.Http;

namespace Stoker.ControlPlane.Gateway;

/// <summary>
/// A request's two names: ours, which replicas and logs know, and the client's, which is only echoed.
/// </summary>
internal static class RequestIds
{
    private const string ClientHeader = "x-request-id";
    private const string OwnHeader = "x-fireworks-request-id";
    private const int MaxClientLength = 128;

    /// <summary>
    /// Makes our id, and puts both on the answer. A client's id that is no plain text of a decent length is not echoed.
    /// </summary>
    public static string Assign(HttpContext context)
    {
        // In the order of time, so that the ledger's newest ids lie together in its index.
        var own = Guid.CreateVersion7().ToString("N");
        var client = Sent(context) ?? own;
        context.Response.OnStarting(() =>
        {
            context.Response.Headers[ClientHeader] = client;
            context.Response.Headers[OwnHeader] = own;
            return Task.CompletedTask;
        });
        return own;
    }

    /// <summary>The client's own; null when it sent none, or none that is echoed.</summary>
    public static string? Sent(HttpContext context)
    {
        var sent = context.Request.Headers[ClientHeader];
        return sent.Count == 1 && sent[0] is { Length: > 0 and <= MaxClientLength } text && IsPlain(text) ? text : null;
    }

    private static bool IsPlain(string text) => text.AsSpan().IndexOfAnyExceptInRange('!', '~') < 0;
}
