using System.Text.Json.Serialization.Metadata;
using Stoker.Api.Problems;

namespace Stoker.ControlPlane.Resources;

/// <summary>
/// The <c>orderBy</c> of a list call: fields by comma, each with <c>" desc"</c> or <c>" asc"</c> behind it if wished.
/// </summary>
internal sealed class OrderBy
{
    private const int MaxKeys = 8;

    private readonly IReadOnlyList<Key> _keys;

    private OrderBy(IReadOnlyList<Key> keys) => _keys = keys;

    public int Count => _keys.Count;

    public static Result<OrderBy> Parse(string text, JsonTypeInfo json)
    {
        var parts = text.Split(',');
        if (parts.Length > MaxKeys) return Bad($"names {parts.Length} fields, at most {MaxKeys} are allowed");
        var keys = new List<Key>();
        foreach (var part in parts)
        {
            var words = part.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (words is not ([_] or [_, "asc" or "desc"])) return Bad($"has '{Shown(part)}': a field is expected, then asc or desc if wished");
            if (!FieldPath.Resolve(json, words[0], "order_by").TryGet(out var field, out var problem)) return problem;
            if (field.Type.Kind != JsonTypeInfoKind.None)
            {
                return Bad($"names {field}, which is a list or an object and has no order");
            }

            keys.Add(new Key(field, words is [_, "desc"]));
        }

        return new OrderBy(keys);
    }

    /// <summary>The values that place a record, in the order of the keys.</summary>
    public FieldValue[] PlaceOf(object record) => [.. _keys.Select(key => FieldValue.Of(key.Field, record))];

    /// <summary>A place written into a page token, read again; null when it does not fit the keys.</summary>
    public FieldValue[]? PlaceFrom(IReadOnlyList<string?> texts)
    {
        if (texts.Count != _keys.Count) return null;
        var place = new FieldValue[texts.Count];
        for (var i = 0; i < place.Length; i++)
        {
            if (texts[i] is null) place[i] = new FieldValue(null);
            else if (FieldValue.Parse(texts[i]!, _keys[i].Field) is { } value) place[i] = value;
            else return null;
        }

        return place;
    }

    public int Compare(FieldValue[] left, FieldValue[] right)
    {
        for (var i = 0; i < _keys.Count; i++)
        {
            var order = left[i].CompareTo(right[i]);
            if (order != 0) return _keys[i].Descending ? -order : order;
        }

        return 0;
    }

    private static Problem Bad(string description) =>
        new(Code.InvalidArgument, $"order_by {description}", [new Violation("order_by", description)]);

    private static string Shown(string text) => text.Length <= 60 ? text : text[..60] + "...";

    private sealed record Key(FieldPath Field, bool Descending);
}
