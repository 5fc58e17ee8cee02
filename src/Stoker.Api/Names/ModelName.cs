using System.Diagnostics.CodeAnalysis;

namespace Stoker.Api.Names;

/// <summary>A model's full name, <c>accounts/{account}/models/{model}</c>.</summary>
public sealed record ModelName(ResourceId Account, ResourceId Model) : IParsable<ModelName>
{
    public const string Collection = "models";

    public AccountName Parent => new(Account);

    public static bool TryParse([NotNullWhen(true)] string? text, [NotNullWhen(true)] out ModelName? name)
    {
        name = AccountChild.TryParse(text, Collection, out var account, out var id) ? new(account, id) : null;
        return name is not null;
    }

    public static bool TryParse([NotNullWhen(true)] string? text, IFormatProvider? provider, [NotNullWhen(true)] out ModelName? result) =>
        TryParse(text, out result);

    public static ModelName Parse(string text, IFormatProvider? provider = null) =>
        TryParse(text, out var name) ? name : throw new FormatException("A model's name is accounts/ACCOUNT/models/ID");

    public override string ToString() => $"{Parent}/{Collection}/{Model}";
}
