using System.Diagnostics.CodeAnalysis;

namespace Stoker.Api.Names;

/// <summary>A deployed model's full name, <c>accounts/{account}/deployedModels/{id}</c>: an addon on a deployment.</summary>
public sealed record DeployedModelName(ResourceId Account, ResourceId DeployedModel) : IParsable<DeployedModelName>
{
    public const string Collection = "deployedModels";

    public AccountName Parent => new(Account);

    public static bool TryParse([NotNullWhen(true)] string? text, IFormatProvider? provider, [NotNullWhen(true)] out DeployedModelName? result)
    {
        result = AccountChild.TryParse(text, Collection, out var account, out var id) ? new(account, id) : null;
        return result is not null;
    }

    public static DeployedModelName Parse(string text, IFormatProvider? provider = null) =>
        TryParse(text, provider, out var name) ? name : throw new FormatException("A deployed model's name is accounts/ACCOUNT/deployedModels/ID");

    public override string ToString() => $"{Parent}/{Collection}/{DeployedModel}";
}
