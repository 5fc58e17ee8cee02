using System.Diagnostics.CodeAnalysis;

namespace Stoker.Api.Names;

/// <summary>An account's full name, <c>accounts/{account}</c>.</summary>
public sealed record AccountName(ResourceId Account) : IParsable<AccountName>
{
    public const string Collection = "accounts";

    /// <summary>The account of the library: its public models are visible to every account.</summary>
    public static AccountName Library { get; } = new(ResourceId.Parse("fireworks"));

    public static bool TryParse([NotNullWhen(true)] string? text, IFormatProvider? provider, [NotNullWhen(true)] out AccountName? result)
    {
        result = text?.Split('/') is [Collection, var account] && ResourceId.TryParse(account, provider, out var id) ? new(id) : null;
        return result is not null;
    }

    public static AccountName Parse(string text, IFormatProvider? provider = null) =>
        TryParse(text, provider, out var name) ? name : throw new FormatException("An account's name is accounts/ACCOUNT");

    public ModelName Model(ResourceId id) => new(Account, id);

    public DeploymentName Deployment(ResourceId id) => new(Account, id);

    public UserName User(ResourceId id) => new(Account, id);

    public override string ToString() => $"{Collection}/{Account}";
}
