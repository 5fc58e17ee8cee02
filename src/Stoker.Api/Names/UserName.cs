using System.Diagnostics.CodeAnalysis;

namespace Stoker.Api.Names;

/// <summary>A user's full name, <c>accounts/{account}/users/{user}</c>. Only parsing or a pair of identifiers makes one.</summary>
public sealed record UserName(ResourceId Account, ResourceId User) : IParsable<UserName>
{
    public const string Collection = "users";

    public AccountName Parent => new(Account);

    public static bool TryParse([NotNullWhen(true)] string? text, [NotNullWhen(true)] out UserName? name) =>
        TryParse(text, null, out name);

    public static bool TryParse([NotNullWhen(true)] string? text, IFormatProvider? provider, [NotNullWhen(true)] out UserName? result)
    {
        result = text?.Split('/') is ["accounts", var account, Collection, var id]
            && ResourceId.TryParse(account, provider, out var accountId)
            && ResourceId.TryParse(id, provider, out var ownId)
            ? new(accountId, ownId)
            : null;
        return result is not null;
    }

    public static UserName Parse(string text, IFormatProvider? provider = null) => TryParse(text, provider, out var name)
        ? name
        : throw new FormatException("A user's name is accounts/ACCOUNT/users/ID");

    public override string ToString() => $"accounts/{Account}/{Collection}/{User}";
}
