using System.Globalization;
using System.Net.Http.Headers;
using Stoker.ControlPlane.Routing;

namespace Stoker.ControlPlane.Gateway;

/// <summary>Tells the router when an answer's first token came: it learns from that how fast a replica is, and how long its line.</summary>
internal static class FirstToken
{
    // Of whole answers, where the engine says them.
    private const string PromptTokens = "fireworks-prompt-tokens";
    private const string CachedTokens = "fireworks-cached-prompt-tokens";
    private const string PrefillSeconds = "fireworks-prefill-duration";

    /// <summary>The head of an answer is there: of a stream, with its first token.</summary>
    public static void Tell(ReplicaLease lease, HttpResponseHeaders headers)
    {
        lease.FirstToken();
        if (Number(headers, PrefillSeconds) is not { } seconds || Number(headers, PromptTokens) is not { } prompt || prompt < 1) return;
        var cached = Number(headers, CachedTokens) ?? 0;
        lease.Computed(1 - Math.Clamp(cached / prompt, 0, 1), seconds);
    }

    private static double? Number(HttpResponseHeaders headers, string name) =>
        headers.NonValidated.TryGetValues(name, out var values) && double.TryParse(values.ToString(), NumberStyles.Float, CultureInfo.InvariantCulture, out var number)
            ? number
            : null;
}
