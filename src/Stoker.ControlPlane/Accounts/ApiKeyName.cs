using System.Diagnostics.CodeAnalysis;
using Stoker.Api.Names;

namespace Stoker.ControlPlane.Accounts;

/// <summary>
/// A key's row, <c>accounts/{account}/users/{user}/apiKeys/{keyId}</c>; the wire shows only the last part.
/// </summary>
internal sealed record ApiKeyName(UserName Owner, ResourceId KeyId) : IParsable<ApiKeyName>
{
    public const string Collection = "apiKeys";

    public static ApiKeyName Parse(string s, IFormatProvider? provider) =>
        TryParse(s, provider, out var name) ? name : throw new FormatException("A key's name is accounts/ACCOUNT/users/USER/apiKeys/ID");

    public static bool TryParse([NotNullWhen(true)] string? s, IFormatProvider? provider, [MaybeNullWhen(false)] out ApiKeyName result)
    {
        const string Infix = $"/{Collection}/";
        result = s?.IndexOf(Infix, StringComparison.Ordinal) is { } at and > 0
            && UserName.TryParse(s[..at], out var owner)
            && ResourceId.TryParse(s[(at + Infix.Length)..], out var id)
            ? new(owner, id)
            : null;
        return result is not null;
    }

    public override string ToString() => $"{Owner}/{Collection}/{KeyId}";
}
