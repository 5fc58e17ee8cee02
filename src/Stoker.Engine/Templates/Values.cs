using System.Collections;

namespace Stoker.Engine.Templates;

/// <summary>How Python would call a list-like value; it decides how it prints, compares and is accessed.</summary>
internal enum ListKind
{
    List,
    Tuple,
    Range,
    Keys,
    Values,
    Items,
}

/// <summary>An immutable sequence of values.</summary>
/// <remarks>A value is null (None), bool, long, <see cref="System.Numerics.BigInteger"/> (from JSON only), double, <see cref="Text"/>,
/// <see cref="TemplateList"/>, <see cref="TemplateMap"/>, <see cref="TemplateIterator"/>, <see cref="Undefined"/>,
/// <see cref="TemplateNamespace"/>, <see cref="LoopState"/> or an <see cref="ICallable"/>.</remarks>
internal sealed record TemplateList(IReadOnlyList<object?> Items, ListKind Kind = ListKind.List)
{
    public int Count => Items.Count;

    /// <summary>Views of a map can be iterated and counted, not indexed.</summary>
    public bool IsIndexable => Kind is ListKind.List or ListKind.Tuple or ListKind.Range;
}

/// <summary>
/// What lazy filters such as map give in Python: always true, without length, and used up by one iteration.
/// </summary>
internal sealed class TemplateIterator(IReadOnlyList<object?> items)
{
    private int _next;

    public bool TryTake(out object? item)
    {
        var taken = _next < items.Count;
        item = taken ? items[_next++] : null;
        return taken;
    }

    public IReadOnlyList<object?> TakeAll()
    {
        var rest = _next == 0 ? items : items.Skip(_next).ToList();
        _next = items.Count;
        return rest;
    }
}

/// <summary>
/// A value that is not there. It prints as nothing and is false; most other uses are errors that say what was missing.
/// </summary>
/// <param name="Reason">The message of that error.</param>
internal sealed record Undefined(string Reason)
{
    public static Undefined Name(string name) => new($"'{name}' is undefined");
}

/// <summary>What <c>namespace(...)</c> makes: the one value that templates can change.</summary>
internal sealed class TemplateNamespace
{
    public Dictionary<string, object?> Attributes { get; } = new(StringComparer.Ordinal);
}

/// <summary>A dict: insertion-ordered, with Python's notion of equal keys (1, 1.0 and True are one).</summary>
internal sealed class TemplateMap : IEnumerable<KeyValuePair<object?, object?>>
{
    private readonly List<KeyValuePair<object?, object?>> _entries = [];
    private readonly Dictionary<object, int> _index = new(PythonKeys.Comparer);

    public int Count => _entries.Count;

    public IEnumerable<object?> Keys => _entries.Select(entry => entry.Key);

    public IEnumerable<object?> Values => _entries.Select(entry => entry.Value);

    /// <summary>
    /// Sets a value while the map is being built. The key must be hashable (see <see cref="PythonKeys.IsHashable"/>).
    /// </summary>
    public void Set(object? key, object? value)
    {
        if (_index.TryGetValue(key ?? DBNull.Value, out var at))
        {
            _entries[at] = new(_entries[at].Key, value);
            return;
        }
        _index.Add(key ?? DBNull.Value, _entries.Count);
        _entries.Add(new(key, value));
    }

    public bool TryGet(object? key, out object? value)
    {
        value = null;
        if (!PythonKeys.IsHashable(key) || !_index.TryGetValue(key ?? DBNull.Value, out var at)) return false;
        value = _entries[at].Value;
        return true;
    }

    public object? Get(string key) => TryGet(Text.Template(key), out var value) ? value : null;

    public bool Contains(string key) => TryGet(Text.Template(key), out _);

    public IEnumerator<KeyValuePair<object?, object?>> GetEnumerator() => _entries.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}

/// <summary>Keys of dicts and members of sets: equal numbers are one key whatever their type.</summary>
internal sealed class PythonKeys : IEqualityComparer<object>
{
    public static readonly PythonKeys Comparer = new();

    /// <summary>
    /// Lists and maps are not, as in Python; of tuples only flat ones are, which is all that templates need.
    /// </summary>
    public static bool IsHashable(object? key) => key switch
    {
        TemplateMap or TemplateNamespace => false,
        TemplateList list => list.Kind == ListKind.Tuple && list.Items.All(item => item is not TemplateList and not TemplateMap),
        _ => true,
    };

    public new bool Equals(object? x, object? y) => (x, y) switch
    {
        (TemplateList a, TemplateList b) => a.Items.SequenceEqual(b.Items, new Nullable()),
        (Undefined, Undefined) => true,
        _ => object.Equals(Canonical(x), Canonical(y)),
    };

    public int GetHashCode(object obj) => obj switch
    {
        TemplateList list => list.Items.Aggregate(list.Count, (hash, item) => HashCode.Combine(hash, item is null ? 0 : GetHashCode(item))),
        Undefined => 0,
        _ => Canonical(obj)!.GetHashCode(),
    };

    private static object? Canonical(object? value) => value switch
    {
        bool flag => flag ? 1L : 0L,
        double number when number == Math.Floor(number) && Math.Abs(number) < 1e18 => (long)number,
        _ => value,
    };

    private sealed class Nullable : IEqualityComparer<object?>
    {
        public new bool Equals(object? x, object? y) => Comparer.Equals(x, y);

        public int GetHashCode(object? obj) => obj is null ? 0 : Comparer.GetHashCode(obj);
    }
}
