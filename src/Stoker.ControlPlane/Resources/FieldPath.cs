using System.Collections;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;
using Stoker.Api.Problems;

namespace Stoker.ControlPlane.Resources;

/// <summary>
/// A field of a wire record, found by a dotted path in snake_case or camelCase:
/// <c>autoscaling_policy.scale_up_window</c>. The last segment may be a key of a map.
/// </summary>
public sealed class FieldPath
{
    private const int MaxSegments = 8; // deeper than any record
    private const int MaxLength = 256;

    private readonly JsonPropertyInfo?[] _properties; // null for the key of a map

    private FieldPath(string[] segments, JsonPropertyInfo?[] properties, JsonTypeInfo type) =>
        (Segments, _properties, Type) = (segments, properties, type);

    /// <summary>JSON property names from the root.</summary>
    public IReadOnlyList<string> Segments { get; }

    /// <summary>The field's type.</summary>
    public JsonTypeInfo Type { get; }

    /// <summary>The value's type without its nullability.</summary>
    public Type Plain => Nullable.GetUnderlyingType(Type.Type) ?? Type.Type;

    /// <summary>The canonical spelling, snake_case.</summary>
    public override string ToString() => string.Join('.', Segments.Select(Snake));

    /// <param name="usedFor">What the path is part of, for the message: <c>filter</c>, <c>update_mask</c>.</param>
    public static Result<FieldPath> Resolve(JsonTypeInfo root, string text, string usedFor)
    {
        var shown = text.Length <= 100 ? text : text[..100] + "...";
        var names = text.Split('.');
        if (text.Length > MaxLength || names.Length > MaxSegments) return Unknown(shown, usedFor, root);

        var (type, segments, properties) = (root, new string[names.Length], new JsonPropertyInfo?[names.Length]);
        for (var i = 0; i < names.Length; i++)
        {
            if (type.Kind == JsonTypeInfoKind.Dictionary && names[i].Length > 0)
            {
                (segments[i], type) = (names[i], type.Options.GetTypeInfo(type.ElementType!));
            }
            else if (Find(type, names[i]) is { } property)
            {
                (segments[i], properties[i], type) = (property.Name, property, type.Options.GetTypeInfo(property.PropertyType));
            }
            else
            {
                return Unknown(shown, usedFor, type);
            }
        }

        return new FieldPath(segments, properties, type);
    }

    /// <summary>Whether this field is <paramref name="other"/> or lies inside it.</summary>
    public bool IsWithin(string other)
    {
        var own = ToString();
        return own == other || own.StartsWith(other + ".", StringComparison.Ordinal);
    }

    /// <summary>
    /// The value in a record, without its JSON: of a thousand records that are filtered and ordered a few fields are wanted.
    /// </summary>
    /// <returns>Null when it or something above it is absent.</returns>
    public object? Read(object record)
    {
        var value = record;
        for (var i = 0; i < _properties.Length && value is not null; i++)
        {
            value = _properties[i] is { Get: { } get } ? get(value) : ((IDictionary)value)[Segments[i]];
        }

        return value;
    }

    /// <summary>The value in a record's JSON; null when it or something above it is absent.</summary>
    public JsonNode? Get(JsonObject record)
    {
        JsonNode? node = record;
        foreach (var segment in Segments)
        {
            if (node is not JsonObject parent || !parent.TryGetPropertyValue(segment, out node)) return null;
        }

        return node;
    }

    /// <summary>Puts a copy of a value, or removes the field when it is null; makes the objects above it.</summary>
    public void Set(JsonObject record, JsonNode? value)
    {
        var parent = record;
        foreach (var segment in Segments.SkipLast(1))
        {
            if (parent[segment] is not JsonObject child)
            {
                if (value is null) return;
                parent[segment] = child = [];
            }

            parent = child;
        }

        if (value is null) parent.Remove(Segments[^1]);
        else parent[Segments[^1]] = value.DeepClone();
    }

    internal static string Snake(string name) => JsonNamingPolicy.SnakeCaseLower.ConvertName(name);

    private static JsonPropertyInfo? Find(JsonTypeInfo type, string name) => type.Kind == JsonTypeInfoKind.Object
        ? type.Properties.FirstOrDefault(property => property.Name == name || Snake(property.Name) == name)
        : null;

    private static Problem Unknown(string shown, string usedFor, JsonTypeInfo type)
    {
        var known = type.Kind == JsonTypeInfoKind.Object
            ? $": known there are {string.Join(", ", type.Properties.Select(property => Snake(property.Name)))}"
            : "";
        var description = $"names the unknown field '{shown}'{known}";
        return new Problem(Code.InvalidArgument, $"{usedFor} {description}", [new(usedFor, description)]);
    }
}
