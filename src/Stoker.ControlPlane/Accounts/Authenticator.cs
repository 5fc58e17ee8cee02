using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;

namespace Stoker.ControlPlane.Accounts;

/// <summary>
/// Finds the caller of a request by its key: <c>Authorization: Bearer KEY</c> or <c>X-Api-Key: KEY</c>.
/// </summary>
/// <remarks>
/// Guessing costs the guesser one hash of ours per try against 256 bits, so nothing is counted or slowed here; rate
/// limits per address are a matter of the listener.
/// </remarks>
internal sealed class Authenticator(KeyRingSource keys, TimeProvider time)
{
    private const string Scheme = "Bearer ";

    /// <summary>The caller, or null; the caller's place in the context is set.</summary>
    public Principal? Authenticate(HttpContext context)
    {
        if (ReadKey(context.Request.Headers) is not { } key) return null;
        var principal = keys.Current.Find(key, time.GetUtcNow());
        if (principal is not null) context.SetPrincipal(principal);
        return principal;
    }

    // Two headers with different keys are refused: which of the two counts must not depend on who reads them.
    private static string? ReadKey(IHeaderDictionary headers)
    {
        var bearer = Single(headers.Authorization) is { } text && text.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase)
            ? text[Scheme.Length..].Trim()
            : null;
        var plain = Single(headers["X-Api-Key"]);
        if (headers.Authorization.Count > 0 && bearer is null) return null;
        return bearer is null || plain is null || bearer == plain ? bearer ?? plain : null;
    }

    private static string? Single(StringValues values) => values.Count == 1 ? values[0] : null;
}
