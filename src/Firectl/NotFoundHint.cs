using Stoker.Api.Problems;

namespace Firectl;

/// <summary>
/// What there is, for who asked for what is not there. The server answers alike to what is missing and to what is
/// another's, and says no more; which command lists such things is known here.
/// </summary>
internal static class NotFoundHint
{
    private static readonly string[] Listed = ["deployments", "deployed-models", "models", "reservations", "quotas", "accounts", "users"];

    /// <returns>A command; null when none helps.</returns>
    public static string? For(Problem problem)
    {
        if (problem.Code != Code.NotFound || problem.Message.Split('"') is not [var kind, var name, " not found"]) return null;
        var collection = kind.Trim() + "s";
        if (collection == "deployedModels") collection = "deployed-models";
        if (!Listed.Contains(collection)) return null;
        var account = name.Split('/') is ["accounts", var owner, _, _] ? $" -a {owner}" : "";
        return $"firectl list {collection}{account}{(collection == "models" ? Library(name) : "")}";
    }

    /// <summary>A bare ID in a field (a base, a draft) is looked up in the library too; a verb's own model is one of the account.</summary>
    private static string Library(string name) => name.Split('/') switch
    {
        ["accounts", "fireworks", ..] => "",
        ["accounts", _, _, var id] => $"; if the library's was meant: accounts/fireworks/models/{id}",
        _ => ", firectl list models -a fireworks",
    };
}
