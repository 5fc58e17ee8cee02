using Stoker.Api.Problems;

namespace Stoker.ControlPlane.Accounts;

/// <summary>
/// The one wording of "there is no such thing", made from the asked name alone, whether it is missing or somebody
/// else's.
/// </summary>
public static class MissingResource
{
    /// <summary><c>model "accounts/a/models/m" not found</c>.</summary>
    /// <param name="name">A full name: collections and identifiers in turn.</param>
    public static Problem Problem(string name)
    {
        var segments = name.Split('/');
        var collection = segments.Length >= 2 ? segments[^2] : "resources";
        return Api.Problems.Problem.NotFound($"{(collection.EndsWith('s') ? collection[..^1] : collection)} \"{name}\" not found");
    }
}
