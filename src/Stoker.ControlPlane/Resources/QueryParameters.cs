using System.Globalization;
using Microsoft.AspNetCore.Http;
using Stoker.Api.Problems;

namespace Stoker.ControlPlane.Resources;

/// <summary>
/// Query parameters, strictly: an unknown or repeated one is refused, because an ignored option is a wrong answer.
/// </summary>
public static class QueryParameters
{
    /// <summary>
    /// The problem of a query that has other parameters than those known, or one of them twice; null when it is fine.
    /// </summary>
    public static Problem? Check(IQueryCollection query, params IReadOnlyList<string> known)
    {
        foreach (var (name, values) in query)
        {
            if (!known.Contains(name))
            {
                var shown = name.Length <= 64 ? name : name[..64] + "...";
                return Problem.InvalidArgument(
                    $"The query parameter '{shown}' is not known here; known are: {(known.Count == 0 ? "none" : string.Join(", ", known))}");
            }

            if (values.Count > 1)
            {
                return Problem.InvalidArgument($"The query parameter '{name}' is there {values.Count} times");
            }
        }

        return null;
    }

    /// <summary>A truth value; absent is false.</summary>
    public static Result<bool> Flag(IQueryCollection query, string name) => query[name].ToString() switch
    {
        "" => query.ContainsKey(name), // ?validateOnly without a value means yes
        var text when bool.TryParse(text, out var value) => value,
        var text => Problem.InvalidArgument(string.Create(
            CultureInfo.InvariantCulture, $"The query parameter '{name}' must be true or false, was '{(text.Length <= 20 ? text : text[..20])}'")),
    };
}
