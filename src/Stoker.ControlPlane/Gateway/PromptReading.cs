using System.Runtime.InteropServices;
using Microsoft.AspNetCore.Http;
using Stoker.ControlPlane.Routing;

namespace Stoker.ControlPlane.Gateway;

/// <summary>Reads from a request what the choice of its replica goes by: the hashes of its prompt's beginnings, and of its session's name.</summary>
/// <remarks>
/// What may not share a prefix in a replica's cache shares none here: the caller's account, the deployment, the model or addon, the
/// isolation keys and the tools, which stand before the messages, are in the first hash, and each hash is in the next.
/// </remarks>
internal static class PromptReading
{
    private static readonly string[] SessionHeaders = ["x-multi-turn-session-id", "x-session-affinity"];

    /// <param name="headers">Whose salt keeps accounts and deployments apart.</param>
    public static RoutedPrompt Read(IHeaderDictionary clientHeaders, ReadOnlySpan<byte> body, ScannedRequest request, ReplicaHeaders headers, Route route)
    {
        var fields = request.Routing;
        var account = Of(route.ServedName, Of(headers.CacheSalt, chained: 0));
        var root = Of(headers.IsolationKey ?? "", PromptHash.Of(fields.IsolationKey.Of(body), account));
        root = PromptHash.Of(fields.Tools.Of(body), root);
        return RoutedPrompt.Of(fields.Prompt.Of(body), root, SessionOf(clientHeaders, body, fields, account), request.Stream);
    }

    /// <summary>The first hint that is there counts, the others do not.</summary>
    private static ulong SessionOf(IHeaderDictionary headers, ReadOnlySpan<byte> body, in RoutingFields fields, ulong account)
    {
        for (var index = 0; index < SessionHeaders.Length; index++)
        {
            if (headers.TryGetValue(SessionHeaders[index], out var values) && values.ToString() is { Length: > 0 } name) return Of(name, PromptHash.Of((ulong)index, account));
        }

        var field = fields.CacheKey.IsThere ? fields.CacheKey : fields.User;
        return field.IsThere ? PromptHash.Of(field.Of(body), PromptHash.Of(fields.CacheKey.IsThere ? 2UL : 3UL, account)) : 0;
    }

    private static ulong Of(string text, ulong chained) => PromptHash.Of(MemoryMarshal.AsBytes(text.AsSpan()), chained);
}
