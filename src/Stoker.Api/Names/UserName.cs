using System.Diagnostics.CodeAnalysis;

namespace Stoker.Api.Names;

/// <summary>A user's full name, <c>accounts/{account}/users/{user}</c>.</summary>
public sealed record UserName(ResourceId Account, ResourceId User) : IParsable<UserName>
{
    public const string Collection = "users";

    public AccountName Parent => new(Account);

    public static bool TryParse([NotNullWhen(true)] string? text, [NotNullWhen(true)] out UserName? name)
    {
        name = AccountChild.TryParse(text, Collection, out var account, out var id) ? new(account, id) : null;
        return name is not null;
    }

    public static bool TryParse([NotNullWhen(true)] string? text, IFormatProvider? provider, [NotNullWhen(true)] out UserName? result) =>
        TryParse(text, out result);

    public static UserName Parse(string text, IFormatProvider? provider = null) =>
        TryParse(text, out var name) ? name : throw new FormatException("A user's name is accounts/ACCOUNT/users/ID");

    public override string ToString() => $"{Parent}/{Collection}/{User}";
}
