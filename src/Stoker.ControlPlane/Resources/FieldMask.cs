using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;
using Stoker.Api.Problems;

namespace Stoker.ControlPlane.Resources;

/// <summary>Which fields of a resource an update may change. Paths in snake_case; one covers all below it.</summary>
/// <param name="Mutable">May change.</param>
/// <param name="OutputOnly">Written by the server: ignored in a body without a mask, refused in a mask.</param>
/// <remarks>Everything else is fixed at creation: repeating its value is allowed, another value is refused.</remarks>
public sealed record UpdatableFields(IReadOnlyList<string> Mutable, IReadOnlyList<string> OutputOnly);

/// <summary>
/// The <c>updateMask</c> of a PATCH. Without one the fields present in the body are meant, also those within objects, so
/// that a short body changes what it says and resets nothing; lists and maps are taken whole. <c>*</c> means all fields
/// that may change, and resets those that the body lacks.
/// </summary>
public static class FieldMask
{
    private const string Parameter = "update_mask";
    private const string Fixed = "cannot be changed after creation";
    private const int MaxPaths = 200;

    /// <summary>The current record with the masked fields of the patch laid over it.</summary>
    /// <param name="shown">
    /// The record as a get answers it, where that holds more than <paramref name="current"/>: without a mask, fields
    /// that repeat it are left alone, so that get, change, patch sets what was changed and nothing else.
    /// </param>
    public static Result<T> Apply<T>(
        T current, T patch, string? mask, JsonTypeInfo<T> json, UpdatableFields fields, T? shown = default)
        where T : class
    {
        var (old, body) = (Node(shown ?? current, json), Node(patch, json));
        var isExplicit = !string.IsNullOrWhiteSpace(mask);
        if (!Paths(mask, body, json, fields).TryGet(out var paths, out var problem)) return problem;

        var merged = Node(current, json);
        var violations = new Violations();
        foreach (var path in paths)
        {
            if (!isExplicit && JsonNode.DeepEquals(path.Get(body), path.Get(old))) continue;
            if (fields.Mutable.Any(path.IsWithin)) path.Set(merged, path.Get(body));
            else Refuse(path, old, body, isExplicit, fields, violations);
        }

        return violations.Any ? violations.ToProblem() : merged.Deserialize(json)!;
    }

    private static void Refuse(
        FieldPath path, JsonObject old, JsonObject body, bool isExplicit, UpdatableFields fields, Violations violations)
    {
        var isOutput = fields.OutputOnly.Any(path.IsWithin);
        if (isOutput && !isExplicit) return;
        if (isOutput) violations.Add(path.ToString(), "is set by the server and cannot be changed");
        else if (!JsonNode.DeepEquals(path.Get(body) ?? path.Get(old), path.Get(old))) violations.Add(path.ToString(), Fixed);
    }

    private static Result<List<FieldPath>> Paths(string? mask, JsonObject body, JsonTypeInfo json, UpdatableFields fields)
    {
        var texts = mask?.Trim() switch
        {
            null or "" => [.. Present(body, json, prefix: "")],
            "*" => [.. fields.Mutable],
            var given => given.Split(',', StringSplitOptions.TrimEntries),
        };
        if (texts.Length > MaxPaths)
        {
            return new Problem(Code.InvalidArgument, $"{Parameter} names {texts.Length} fields, at most {MaxPaths} are allowed");
        }

        var paths = new List<FieldPath>();
        foreach (var text in texts)
        {
            if (!FieldPath.Resolve(json, text, Parameter).TryGet(out var path, out var problem)) return problem;
            paths.Add(path);
        }

        return paths;
    }

    private static IEnumerable<string> Present(JsonObject body, JsonTypeInfo type, string prefix)
    {
        foreach (var (name, value) in body)
        {
            var field = type.Properties.First(property => property.Name == name);
            var inner = type.Options.GetTypeInfo(field.PropertyType);
            if (value is JsonObject child && inner.Kind == JsonTypeInfoKind.Object)
            {
                foreach (var path in Present(child, inner, $"{prefix}{name}.")) yield return path;
            }
            else
            {
                yield return prefix + name;
            }
        }
    }

    private static JsonObject Node<T>(T value, JsonTypeInfo<T> json) =>
        JsonSerializer.SerializeToNode(value, json)!.AsObject();
}
