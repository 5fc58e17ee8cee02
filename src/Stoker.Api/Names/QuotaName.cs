using System.Diagnostics.CodeAnalysis;

namespace Stoker.Api.Names;

/// <summary>A quota's full name, <c>accounts/{account}/quotas/{quota}</c>.</summary>
public sealed record QuotaName(ResourceId Account, ResourceId Quota) : IParsable<QuotaName>
{
    public const string Collection = "quotas";

    public AccountName Parent => new(Account);

    public static bool TryParse([NotNullWhen(true)] string? text, IFormatProvider? provider, [NotNullWhen(true)] out QuotaName? result)
    {
        result = AccountChild.TryParse(text, Collection, out var account, out var id) ? new(account, id) : null;
        return result is not null;
    }

    public static QuotaName Parse(string text, IFormatProvider? provider = null) =>
        TryParse(text, provider, out var name) ? name : throw new FormatException("A quota's name is accounts/ACCOUNT/quotas/ID");

    public override string ToString() => $"{Parent}/{Collection}/{Quota}";
}
