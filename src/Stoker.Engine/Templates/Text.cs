namespace Stoker.Engine.Templates;

/// <summary>A half-open range of UTF-16 units that came with the request.</summary>
internal readonly record struct UserSpan(int Start, int End);

/// <summary>A template's string value together with the parts of it that are user data. Immutable.</summary>
/// <remarks>Equality is that of the characters: where text came from never changes what a template decides.</remarks>
internal sealed class Text : IEquatable<Text>
{
    public static readonly Text Empty = new("", []);
    private readonly UserSpan[] _userSpans;

    public Text(string value, UserSpan[] userSpans) => (Value, _userSpans) = (value, userSpans);

    public string Value { get; }

    public int Length => Value.Length;

    /// <summary>Sorted, disjoint, not empty.</summary>
    public ReadOnlySpan<UserSpan> UserSpans => _userSpans;

    public bool HasUserData => _userSpans.Length > 0;

    public static Text Template(string value) => value.Length == 0 ? Empty : new(value, []);

    public static Text User(string value) => value.Length == 0 ? Empty : new(value, [new(0, value.Length)]);

    /// <summary>
    /// The value for an operation that moves characters about: all of it counts as user data if any of it does.
    /// </summary>
    public Text Rearranged(string value) => HasUserData ? User(value) : Template(value);

    /// <summary>The value for an operation that maps characters in place; spans stay when the length does.</summary>
    public Text Mapped(string value) => value.Length == Length ? new(value, _userSpans) : Rearranged(value);

    public Text Slice(int start, int length)
    {
        if (length <= 0) return Empty;
        if (length == Length) return this;
        var value = Value.Substring(start, length);
        if (!HasUserData) return new(value, []);
        var spans = new List<UserSpan>();
        for (var i = FirstSpanBehind(start); i < _userSpans.Length && _userSpans[i].Start < start + length; i++)
        {
            spans.Add(new(Math.Max(_userSpans[i].Start - start, 0), Math.Min(_userSpans[i].End - start, length)));
        }
        return new(value, [.. spans]);
    }

    /// <summary>
    /// The first span that ends behind the position. A search by halves: a text may be cut into as many parts as it has
    /// spans.
    /// </summary>
    private int FirstSpanBehind(int position)
    {
        var (low, high) = (0, _userSpans.Length);
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (_userSpans[middle].End > position) high = middle;
            else low = middle + 1;
        }
        return low;
    }

    public Text Slice(int start) => Slice(start, Length - start);

    public bool Equals(Text? other) => other is not null && Value == other.Value;

    public override bool Equals(object? obj) => Equals(obj as Text);

    public override int GetHashCode() => Value.GetHashCode(StringComparison.Ordinal);

    public override string ToString() => Value;
}
