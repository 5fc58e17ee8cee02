using System.Diagnostics.CodeAnalysis;

namespace Stoker.Api.Names;

/// <summary>A deployment's full name, <c>accounts/{account}/deployments/{deployment}</c>. Only parsing or a pair of identifiers makes one.</summary>
public sealed record DeploymentName(ResourceId Account, ResourceId Deployment) : IParsable<DeploymentName>
{
    public const string Collection = "deployments";

    public AccountName Parent => new(Account);

    public static bool TryParse([NotNullWhen(true)] string? text, [NotNullWhen(true)] out DeploymentName? name) =>
        TryParse(text, null, out name);

    public static bool TryParse([NotNullWhen(true)] string? text, IFormatProvider? provider, [NotNullWhen(true)] out DeploymentName? result)
    {
        result = text?.Split('/') is ["accounts", var account, Collection, var id]
            && ResourceId.TryParse(account, provider, out var accountId)
            && ResourceId.TryParse(id, provider, out var ownId)
            ? new(accountId, ownId)
            : null;
        return result is not null;
    }

    public static DeploymentName Parse(string text, IFormatProvider? provider = null) => TryParse(text, provider, out var name)
        ? name
        : throw new FormatException("A deployment's name is accounts/ACCOUNT/deployments/ID");

    public override string ToString() => $"accounts/{Account}/{Collection}/{Deployment}";
}
