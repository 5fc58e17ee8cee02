using System.Diagnostics.CodeAnalysis;

namespace Stoker.Api.Names;

/// <summary>A deployment's full name, <c>accounts/{account}/deployments/{deployment}</c>.</summary>
public sealed record DeploymentName(ResourceId Account, ResourceId Deployment) : IParsable<DeploymentName>
{
    public const string Collection = "deployments";

    public AccountName Parent => new(Account);

    public static bool TryParse([NotNullWhen(true)] string? text, [NotNullWhen(true)] out DeploymentName? name)
    {
        name = AccountChild.TryParse(text, Collection, out var account, out var id) ? new(account, id) : null;
        return name is not null;
    }

    public static bool TryParse([NotNullWhen(true)] string? text, IFormatProvider? provider, [NotNullWhen(true)] out DeploymentName? result) =>
        TryParse(text, out result);

    public static DeploymentName Parse(string text, IFormatProvider? provider = null) =>
        TryParse(text, out var name) ? name : throw new FormatException("A deployment's name is accounts/ACCOUNT/deployments/ID");

    public override string ToString() => $"{Parent}/{Collection}/{Deployment}";
}
