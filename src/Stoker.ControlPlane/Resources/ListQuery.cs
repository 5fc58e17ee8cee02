using System.Globalization;
using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.Http;
using Stoker.Api.Problems;

namespace Stoker.ControlPlane.Resources;

/// <summary>What a list call of one collection knows.</summary>
/// <param name="Json">The wire record.</param>
/// <param name="NameOf">Tells records apart and orders those that are equal otherwise.</param>
/// <param name="DefaultOrder">Such as <c>name</c> or <c>create_time</c>.</param>
public sealed record Listing<T>(JsonTypeInfo<T> Json, Func<T, string?> NameOf, string DefaultOrder)
    where T : notnull
{
    /// <summary>Query parameters of this collection alone, such as <c>showDeleted</c>; the caller reads them.</summary>
    public IReadOnlyList<string> OwnParameters { get; init; } = [];
}

/// <summary>One page; the token is null on the last one, the total counts all that match.</summary>
public sealed record Page<T>(IReadOnlyList<T> Items, string? NextPageToken, int TotalSize);

/// <summary>Reads the parameters of list calls.</summary>
public static class ListQuery
{
    private const int DefaultPageSize = 50;
    private const int MaxPageSize = 200; // larger ones count as this, as on the hosted service
    private static readonly string[] Shared = ["pageSize", "pageToken", "filter", "orderBy", "readMask"];

    /// <param name="parent">What is listed, such as <c>accounts/a</c>: part of what a page token is good for.</param>
    public static Result<ListQuery<T>> From<T>(IQueryCollection query, string parent, Listing<T> listing)
        where T : notnull
    {
        if (QueryParameters.Check(query, [.. Shared, .. listing.OwnParameters]) is { } unknown) return unknown;
        var (filterText, orderText) = (Text(query, "filter"), Text(query, "orderBy") is { Length: > 0 } given ? given : listing.DefaultOrder);
        if (!Filter.Parse(filterText, listing.Json).TryGet(out var filter, out var problem)) return problem;
        if (!OrderBy.Parse(orderText, listing.Json).TryGet(out var order, out problem)) return problem;
        if (!ReadMask.From(Text(query, "readMask"), listing.Json).TryGet(out var mask, out problem)) return problem;
        if (!PageSize(Text(query, "pageSize")).TryGet(out var size, out problem)) return problem;

        var own = listing.OwnParameters.Select(name => Text(query, name));
        var digest = PageToken.Digest([parent, listing.Json.Type.Name, filterText, orderText, .. own]);
        if (Text(query, "pageToken") is not { Length: > 0 } tokenText) return new ListQuery<T>(listing, filter, order, mask, digest, size, null);
        return PageToken.Parse(tokenText) is { } token && token.Query == digest && order.PlaceFrom(token.Place) is not null
            ? new ListQuery<T>(listing, filter, order, mask, digest, size, token)
            : Bad("page_token", "does not belong to this list: repeat the filter and order of the call that issued it, or start without a token");
    }

    private static Result<int> PageSize(string text) => text.Length == 0
        ? DefaultPageSize
        : !int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var size)
            ? Bad("page_size", $"must be a whole number from 0 (meaning {DefaultPageSize}), at most {MaxPageSize} are answered")
            : size == 0 ? DefaultPageSize : Math.Min(size, MaxPageSize);

    private static string Text(IQueryCollection query, string name) => query[name].ToString();

    private static Problem Bad(string field, string description) =>
        new(Code.InvalidArgument, $"{field} {description}", [new Violation(field, description)]);
}

/// <summary>
/// The parameters of a list call: <c>pageSize</c>, <c>pageToken</c>, <c>filter</c>, <c>orderBy</c>, <c>readMask</c>.
/// </summary>
public sealed class ListQuery<T>
    where T : notnull
{
    private readonly Listing<T> _listing;
    private readonly Filter _filter;
    private readonly OrderBy _order;
    private readonly ReadMask<T> _mask;
    private readonly string _digest;
    private readonly int _pageSize;
    private readonly PageToken? _token;

    internal ListQuery(
        Listing<T> listing, Filter filter, OrderBy order, ReadMask<T> mask, string digest, int pageSize, PageToken? token) =>
        (_listing, _filter, _order, _mask, _digest, _pageSize, _token) = (listing, filter, order, mask, digest, pageSize, token);

    /// <summary>The page that was asked for, out of all records of the collection that the caller may see.</summary>
    public Page<T> Of(IEnumerable<T> records)
    {
        var matching = new List<Row>();
        foreach (var record in records)
        {
            if (_filter.Matches(record)) matching.Add(new(record, _order.PlaceOf(record), _listing.NameOf(record) ?? ""));
        }

        matching.Sort(Compare);
        var start = _token is null ? 0 : CountUpTo(_token, matching);
        var shown = matching.Skip(start).Take(_pageSize).ToList();
        var isLast = start + shown.Count == matching.Count;
        return new(
            [.. shown.Select(row => _mask.Apply(row.Record))],
            isLast ? null : new PageToken(_digest, [.. shown[^1].Place.Select(PageToken.Text)], shown[^1].Name).ToString(),
            matching.Count);
    }

    private int CountUpTo(PageToken token, List<Row> sorted)
    {
        var last = new Row(default!, _order.PlaceFrom(token.Place)!, token.Name);
        return sorted.TakeWhile(row => Compare(row, last) <= 0).Count();
    }

    private int Compare(Row left, Row right)
    {
        var order = _order.Compare(left.Place, right.Place);
        return order != 0 ? order : string.CompareOrdinal(left.Name, right.Name);
    }

    private readonly record struct Row(T Record, FieldValue[] Place, string Name);
}
