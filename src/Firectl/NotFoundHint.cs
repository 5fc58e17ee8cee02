using Stoker.Api.Problems;

namespace Firectl;

/// <summary>
/// What there is, for who asked for what is not there. The server answers alike to what is missing and to what is
/// another's, and says no more; which command lists such things is known here.
/// </summary>
internal static class NotFoundHint
{
    private static readonly string[] Listed = ["deployments", "deployed-models", "models", "reservations", "quotas", "accounts"];

    /// <returns>A command; null when none helps.</returns>
    public static string? For(Problem problem)
    {
        if (problem.Code != Code.NotFound || problem.Message.Split('"') is not [var kind, var name, " not found"]) return null;
        var collection = kind.Trim() + "s";
        if (collection == "deployedModels") collection = "deployed-models";
        if (!Listed.Contains(collection)) return null;
        var account = name.Split('/') is ["accounts", var owner, _, _] ? $" -a {owner}" : "";
        var library = collection == "models" && account.Length == 0 ? ", firectl list models -a fireworks" : "";
        return $"firectl list {collection}{account}{library}";
    }
}
