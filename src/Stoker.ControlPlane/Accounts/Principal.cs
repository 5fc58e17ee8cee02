using Microsoft.AspNetCore.Http;
using Stoker.Api.Names;

namespace Stoker.ControlPlane.Accounts;

/// <summary>
/// Who a request comes from. One is made per key when the key ring is built, so that authenticating allocates nothing.
/// </summary>
/// <param name="IsOperator">An admin of the account that the first start made: may create accounts and write the
/// library.</param>
public sealed record Principal(AccountName Account, UserName User, Role Role, string KeyId, bool IsOperator)
{
    /// <summary>The user's address, where one is known.</summary>
    public string? Email { get; init; }

    public KeyScopes Scopes { get; init; } = KeyScopes.All;
}

public static class PrincipalFeature
{
    /// <summary>
    /// The caller, on every route that has <see cref="Access.RequireAccess"/> or the gateway's own check.
    /// </summary>
    /// <exception cref="InvalidOperationException">The route asks for no key: a bug of the route.</exception>
    public static Principal GetPrincipal(this HttpContext context) => context.Features.Get<Principal>()
        ?? throw new InvalidOperationException("The route authenticates nobody: map it with RequireAccess()");

    internal static void SetPrincipal(this HttpContext context, Principal principal) => context.Features.Set(principal);
}
