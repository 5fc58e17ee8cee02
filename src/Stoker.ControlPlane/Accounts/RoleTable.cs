using System.Collections.Frozen;
using Stoker.Api.Problems;

namespace Stoker.ControlPlane.Accounts;

/// <summary>The least role that reads and that changes each collection of an account: the one table of what roles may do.</summary>
/// <remarks>
/// Roles are ordered, each may what those below it may: an inference user calls models and asks who it is; a contributor
/// sees the account and brings models; a user runs them, which costs; an admin has the account: users, everybody's keys,
/// limits, the audit log. Two rules are not of roles and stand with their commands: that everybody below an admin sees and
/// makes keys of its own alone, and that reservations and the library take an operator.
/// </remarks>
internal static class RoleTable
{
    /// <summary>The account itself.</summary>
    public const string Account = "";

    // What has no row yet: everybody who sees the account may look, and only an admin changes it.
    private static readonly Row Unlisted = new(Role.Contributor, Role.Admin);

    private static readonly FrozenDictionary<string, Row> Rows = new Dictionary<string, Row>
    {
        [Account] = new(Role.Contributor, Role.Admin),
        ["users"] = new(Role.Contributor, Role.Admin),
        ["apiKeys"] = new(Role.Contributor, Role.Contributor),
        ["auditLogs"] = new(Role.Admin, Role.Admin),
        ["models"] = new(Role.Contributor, Role.Contributor),
        ["versions"] = new(Role.Contributor, Role.Contributor),
        ["deployments"] = new(Role.Contributor, Role.User),
        ["deployedModels"] = new(Role.Contributor, Role.User),
        ["deploymentShapes"] = new(Role.Contributor, Role.User),
        ["routers"] = new(Role.Contributor, Role.User),
        ["usage"] = new(Role.Contributor, Role.Admin),
        ["regions"] = new(Role.Contributor, Role.Admin),
        ["accelerators"] = new(Role.Contributor, Role.Admin),
        ["reservations"] = new(Role.Contributor, Role.Admin),
        ["quotas"] = new(Role.Contributor, Role.Admin),
    }.ToFrozenDictionary(StringComparer.Ordinal);

    /// <param name="collection">
    /// The last collection of the route's own pattern (never of the asked path, where capitals and escapes would make it another).
    /// </param>
    /// <returns>Null when the role may go on.</returns>
    public static Problem? Check(Role role, string collection, bool isRead)
    {
        var least = LeastFor(collection, isRead);
        if (role >= least) return null;
        var what = collection.Length == 0 ? "the account" : collection;
        return Problem.PermissionDenied(role == Role.InferenceUser
            ? "This key's user has the role inference-user, which may only call models: use a key of a user with another role"
            : $"{(isRead ? "Reading" : "Changing")} {what} takes the role {Named(least)}, this key's user has {role.WireName()}");
    }

    public static Role LeastFor(string collection, bool isRead)
    {
        var row = Rows.GetValueOrDefault(collection) ?? Unlisted;
        return isRead ? row.Read : row.Change;
    }

    private static string Named(Role least) => least == Role.Admin ? "admin" : $"{least.WireName()} or a higher one";

    private sealed record Row(Role Read, Role Change);
}
