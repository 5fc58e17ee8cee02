using System.Diagnostics.CodeAnalysis;

namespace Stoker.Api.Names;

/// <summary>The form that names below an account share: <c>accounts/{account}/{collection}/{id}</c>.</summary>
internal static class AccountChild
{
    public static bool TryParse(
        string? text, string collection, [NotNullWhen(true)] out ResourceId? account, [NotNullWhen(true)] out ResourceId? id)
    {
        (account, id) = (null, null);
        return text?.Split('/') is [AccountName.Collection, var first, var second, var third]
            && second == collection
            && ResourceId.TryParse(first, out account)
            && ResourceId.TryParse(third, out id);
    }
}
