using System.Diagnostics.CodeAnalysis;

namespace Stoker.Api.Names;

/// <summary>A model's full name, <c>accounts/{account}/models/{model}</c>. Only parsing or a pair of identifiers makes one.</summary>
public sealed record ModelName(ResourceId Account, ResourceId Model) : IParsable<ModelName>
{
    public const string Collection = "models";

    public AccountName Parent => new(Account);

    public static bool TryParse([NotNullWhen(true)] string? text, [NotNullWhen(true)] out ModelName? name) =>
        TryParse(text, null, out name);

    public static bool TryParse([NotNullWhen(true)] string? text, IFormatProvider? provider, [NotNullWhen(true)] out ModelName? result)
    {
        result = text?.Split('/') is ["accounts", var account, Collection, var id]
            && ResourceId.TryParse(account, provider, out var accountId)
            && ResourceId.TryParse(id, provider, out var ownId)
            ? new(accountId, ownId)
            : null;
        return result is not null;
    }

    public static ModelName Parse(string text, IFormatProvider? provider = null) => TryParse(text, provider, out var name)
        ? name
        : throw new FormatException("A model's name is accounts/ACCOUNT/models/ID");

    public override string ToString() => $"accounts/{Account}/{Collection}/{Model}";
}
