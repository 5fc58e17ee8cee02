using System.Text.Json.Serialization.Metadata;
using Stoker.Api.Problems;

namespace Stoker.ControlPlane.Resources;

/// <summary>
/// The <c>filter</c> of a list call, a subset of AIP-160: comparisons (<c>= != &lt; &gt; &lt;= &gt;=</c>) joined by
/// <c>AND</c>, parentheses. Values are quoted or bare words; field names are snake_case or camelCase.
/// </summary>
/// <remarks>
/// An absent field compares as its type's default, as in proto3: a model that says nothing of <c>public</c> matches
/// <c>public=false</c>.
/// </remarks>
public sealed class Filter
{
    private readonly IReadOnlyList<Comparison> _comparisons;

    private Filter(IReadOnlyList<Comparison> comparisons) => _comparisons = comparisons;

    public bool IsEmpty => _comparisons.Count == 0;

    public static Result<Filter> Parse(string? text, JsonTypeInfo json) =>
        string.IsNullOrWhiteSpace(text)
            ? new Filter([])
            : FilterParser.Parse(text, json).Then<Filter>(comparisons => new Filter(comparisons));

    /// <param name="record">Of the type that the filter was parsed for.</param>
    public bool Matches(object record) => _comparisons.All(comparison => comparison.Holds(record));
}
