using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;
using Stoker.Api.Problems;

namespace Stoker.ControlPlane.Resources;

/// <summary>Makes masks from the query.</summary>
public static class ReadMask
{
    public static Result<ReadMask<T>> From<T>(string? text, JsonTypeInfo<T> json)
        where T : notnull
    {
        if (string.IsNullOrWhiteSpace(text) || text.Trim() == "*") return new ReadMask<T>(json, null);
        var paths = new List<FieldPath>();
        foreach (var part in text.Split(',', StringSplitOptions.TrimEntries))
        {
            if (!FieldPath.Resolve(json, part, "read_mask").TryGet(out var path, out var problem)) return problem;
            paths.Add(path);
        }

        return new ReadMask<T>(json, paths);
    }
}

/// <summary>The <c>readMask</c> of a get or list: the fields to answer. Empty or <c>*</c> means all.</summary>
public sealed class ReadMask<T>
    where T : notnull
{
    private readonly JsonTypeInfo<T> _json;
    private readonly IReadOnlyList<FieldPath>? _paths;

    internal ReadMask(JsonTypeInfo<T> json, IReadOnlyList<FieldPath>? paths) => (_json, _paths) = (json, paths);

    public T Apply(T value)
    {
        if (_paths is null) return value;
        var (full, shown) = (JsonSerializer.SerializeToNode(value, _json)!.AsObject(), new JsonObject());
        foreach (var path in _paths) path.Set(shown, path.Get(full));
        return shown.Deserialize(_json)!;
    }
}
