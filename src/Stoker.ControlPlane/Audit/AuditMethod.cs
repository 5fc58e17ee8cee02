using Microsoft.AspNetCore.Routing.Patterns;

namespace Stoker.ControlPlane.Audit;

/// <summary>Names what a route does as an API's method: <c>CreateDeployment</c>, <c>ScaleDeployment</c>, <c>GetModelUploadEndpoint</c>.</summary>
internal static class AuditMethod
{
    /// <param name="verb">The HTTP method.</param>
    public static string NameOf(string verb, RoutePattern pattern)
    {
        var (noun, custom) = ("", (string?)null);
        foreach (var segment in pattern.PathSegments)
        {
            foreach (var literal in segment.Parts.OfType<RoutePatternLiteralPart>())
            {
                var parts = literal.Content.Split(':', 2);
                if (parts[0].Length > 0) noun = parts[0];
                custom = parts.Length > 1 ? parts[1] : null;
            }
        }

        noun = Capital(noun.EndsWith('s') ? noun[..^1] : noun);
        if (custom is not null) return custom.StartsWith("get", StringComparison.Ordinal) ? $"Get{noun}{custom[3..]}" : Capital(custom) + noun;
        return verb switch
        {
            "POST" => "Create",
            "PATCH" => "Update",
            "DELETE" => "Delete",
            "PUT" => "Put",
            _ => Capital(verb.ToLowerInvariant()),
        } + noun;
    }

    private static string Capital(string word) => word.Length == 0 ? word : char.ToUpperInvariant(word[0]) + word[1..];
}
