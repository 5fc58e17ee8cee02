using Stoker.Api.Names;
using Stoker.Api.Problems;

namespace Stoker.ControlPlane.Accounts;

/// <summary>Whose management routes a caller may use: pure, made from the caller and the asked path alone.</summary>
/// <remarks>
/// Of another account's things nobody learns whether they exist: the answer is the one for a missing resource, made
/// from the asked name without looking anything up, so that it is equal in bytes and in time. Two exceptions: everybody
/// reads the library's models, and an operator manages accounts, users, keys, quotas and reservations everywhere (not
/// models or deployments: what tenants run is theirs), and sees the deployments of the serverless tier, which are in the
/// library's account. What a caller may do there is the matter of <see cref="RoleTable"/>.
/// </remarks>
internal static class AccessRule
{
    public static Problem Unauthenticated { get; } = new(
        Code.Unauthenticated, "The API key is missing, invalid, expired or revoked: send Authorization: Bearer KEY");

    /// <param name="account">The asked account's identifier as it stands in the path; null on routes without
    /// one.</param>
    /// <param name="path">The request's path.</param>
    /// <returns>Null when the caller may go on.</returns>
    public static Problem? Check(Principal caller, string? account, string path, bool isRead)
    {
        if (account is null) return null;
        if (account == caller.Account.Account.ToString()) return null;
        string[] segments = [.. path.Split('/').Skip(AccountSegment)];
        var collection = segments.Length > 1 && segments[1] != "" ? segments[1].Split(':')[0] : null;
        if (caller.IsOperator && (collection is null or UserName.Collection or QuotaName.Collection or ReservationName.Collection)) return null;
        if (account == AccountName.Library.Account.ToString() && collection == DeploymentName.Collection && isRead && caller.IsOperator) return null;
        if (account == AccountName.Library.Account.ToString() && collection == ModelName.Collection)
        {
            return caller.IsOperator || isRead ? null : LibraryIsReadOnly;
        }

        return MissingResource.Problem(AskedName(account, segments));
    }

    // "/v1/accounts/{account}/...": an empty segment before the first slash, then two literals.
    private const int AccountSegment = 3;

    private static Problem LibraryIsReadOnly { get; } = Problem.PermissionDenied(
        $"Only an admin of the operating account changes {AccountName.Library}: copy the model into your own account instead");

    /// <summary>
    /// The resource that the path names, without verbs and sub-collections: <c>accounts/a/models/m</c>, or
    /// <c>accounts/a</c>.
    /// </summary>
    private static string AskedName(string account, string[] segments) => segments.Length >= 3
        ? $"{AccountName.Collection}/{account}/{segments[1]}/{segments[2].Split(':')[0]}"
        : $"{AccountName.Collection}/{account}";
}
