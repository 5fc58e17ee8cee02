using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;
using Stoker.Api.Problems;

namespace Stoker.ControlPlane.Accounts;

/// <summary>
/// Finds the caller of a request by its key, <c>Authorization: Bearer KEY</c> or <c>X-Api-Key: KEY</c>: the one place where
/// keys, their scopes and their ends count. It looks at every request anew, so that a revoked key refuses the next one,
/// also on a connection that is open already.
/// </summary>
/// <remarks>The look for a key allocates nothing.</remarks>
internal sealed class Authenticator(KeyRingSource keys, GuessLimit guesses, TimeProvider time)
{
    private const string Scheme = "Bearer ";

    /// <summary>The caller, whose place in the context is set, or why there is none.</summary>
    /// <param name="needed">Scopes of which the key must have one.</param>
    public bool TryAuthenticate(
        HttpContext context, KeyScopes needed, [NotNullWhen(true)] out Principal? caller, [NotNullWhen(false)] out Problem? refusal)
    {
        (caller, refusal) = (null, AccessRule.Unauthenticated);
        if (!TryReadKey(context.Request.Headers, out var key)) return false;
        var address = RemoteAddress.Of(context.Connection.RemoteIpAddress);
        var now = time.GetUtcNow();
        var wait = guesses.WaitOf(address);
        var entry = keys.Current.Find(key, now);
        if (wait is { } delay && entry?.Use.CameFrom(address) is not true)
        {
            refusal = TooManyWrongKeys(delay);
            return false;
        }

        if (entry is null)
        {
            guesses.CountWrong(address);
            return false;
        }

        entry.Use.Mark(now, address);
        if ((entry.Principal.Scopes & needed) == KeyScopes.None)
        {
            refusal = OutOfScope(entry.Principal.Scopes, needed);
            return false;
        }

        (caller, refusal) = (entry.Principal, null);
        context.SetPrincipal(caller);
        return true;
    }

    private static Problem TooManyWrongKeys(TimeSpan delay) => new(
        Code.ResourceExhausted,
        string.Create(
            CultureInfo.InvariantCulture,
            $"Too many wrong API keys came from this address: wait {Math.Ceiling(delay.TotalSeconds):0} s, then try again with a right one"))
    {
        RetryAfter = delay,
    };

    private static Problem OutOfScope(KeyScopes has, KeyScopes needed) => new(
        Code.Unauthenticated,
        $"This API key has the scope {has.WireName()}, and {(needed == KeyScopes.Inference ? "calling models" : "management")} takes a key with the scope "
        + $"{needed.WireName()}: firectl create api-key --scopes {needed.WireName()}");

    // Two headers with different keys are refused: which of the two counts must not depend on who reads them.
    private static bool TryReadKey(IHeaderDictionary headers, out ReadOnlySpan<char> key)
    {
        var (authorization, plain) = (headers.Authorization, Single(headers["X-Api-Key"]));
        key = plain;
        if (authorization.Count == 0) return plain is not null;
        key = default;
        if (Single(authorization) is not { } text || !text.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase)) return false;
        key = text.AsSpan(Scheme.Length).Trim();
        return plain is null || key.SequenceEqual(plain);
    }

    private static string? Single(StringValues values) => values.Count == 1 ? values[0] : null;
}
