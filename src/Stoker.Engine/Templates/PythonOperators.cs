using System.Numerics;

namespace Stoker.Engine.Templates;

/// <summary>Truth, equality, order and type names, as Python has them.</summary>
internal static class PythonOperators
{
    public static bool IsTrue(object? value) => value switch
    {
        null or Undefined => false,
        bool flag => flag,
        long number => number != 0,
        double number => number != 0,
        Text text => text.Length > 0,
        TemplateList list => list.Count > 0,
        TemplateMap map => map.Count > 0,
        BigInteger number => !number.IsZero,
        _ => true,
    };

    public static string TypeName(object? value) => value switch
    {
        null => "NoneType",
        bool => "bool",
        long or BigInteger => "int",
        double => "float",
        Text => "str",
        TemplateList { Kind: ListKind.List } => "list",
        TemplateList { Kind: ListKind.Tuple } => "tuple",
        TemplateList { Kind: ListKind.Range } => "range",
        TemplateList list => "dict_" + list.Kind.ToString().ToLowerInvariant(),
        TemplateMap => "dict",
        TemplateIterator => "generator",
        TemplateNamespace => "namespace",
        Undefined => "Undefined",
        LoopState => "LoopContext",
        _ => "function",
    };

    public static bool AreEqual(RenderContext context, object? left, object? right, int depth = 0)
    {
        context.Step();
        context.CheckValueDepth(depth);
        switch (left, right)
        {
            case (Text a, Text b):
                if (a.Length == b.Length) context.ChargeText(a.Length);
                return a.Value == b.Value;
            case (TemplateList a, TemplateList b):
                return a.Kind == b.Kind && a.Count == b.Count && AllEqual(context, a, b, depth + 1);
            case (TemplateMap a, TemplateMap b):
                return a.Count == b.Count && SameEntries(context, a, b, depth + 1);
            case (Undefined, Undefined): return true;
            default: return AreEqualNumbers(left, right) ?? Equals(left, right);
        }
    }

    private static bool AllEqual(RenderContext context, TemplateList a, TemplateList b, int depth)
    {
        for (var i = 0; i < a.Count; i++)
            if (!AreEqual(context, a.Items[i], b.Items[i], depth)) return false;
        return true;
    }

    private static bool SameEntries(RenderContext context, TemplateMap a, TemplateMap b, int depth)
    {
        foreach (var (key, value) in a)
            if (!b.TryGet(key, out var other) || !AreEqual(context, value, other, depth)) return false;
        return true;
    }

    private static bool? AreEqualNumbers(object? left, object? right)
    {
        if (AsInteger(left) is { } a && AsInteger(right) is { } b) return a == b;
        if (AsDouble(left) is { } x && AsDouble(right) is { } y) return x == y;
        return null;
    }

    /// <summary>bool and long as an integer; null for anything else.</summary>
    public static long? AsInteger(object? value) =>
        value switch { long number => number, bool flag => flag ? 1 : 0, _ => null };

    /// <summary>Any number as a double; null for anything else.</summary>
    public static double? AsDouble(object? value) => value switch
    {
        double number => number,
        long number => number,
        bool flag => flag ? 1 : 0,
        BigInteger number => (double)number,
        _ => null,
    };

    /// <summary>Less than zero, zero, or more; the values must be two numbers, two strings or two lists.</summary>
    public static int Compare(RenderContext context, object? left, object? right, string sign, int depth = 0)
    {
        context.Step();
        context.CheckValueDepth(depth);
        if (left is Undefined || right is Undefined)
        {
            throw context.Error(((left as Undefined) ?? (Undefined)right!).Reason);
        }

        if (AsInteger(left) is { } a && AsInteger(right) is { } b) return a.CompareTo(b);
        if (AsDouble(left) is { } x && AsDouble(right) is { } y) return x.CompareTo(y);
        if (left is Text first && right is Text second) return CompareText(context, first.Value, second.Value);
        if (left is TemplateList p && right is TemplateList q && p.Kind == q.Kind && p.IsIndexable)
            return CompareLists(context, p, q, sign, depth);
        throw context.Error($"'{sign}' is not supported between '{TypeName(left)}' and '{TypeName(right)}'");
    }

    /// <summary>By code point, as Python does: surrogates sort above the rest of the basic plane.</summary>
    private static int CompareText(RenderContext context, string left, string right)
    {
        var common = left.AsSpan().CommonPrefixLength(right);
        context.ChargeText(common);
        if (common == left.Length || common == right.Length) return left.Length.CompareTo(right.Length);
        var (a, b) = (left[common], right[common]);
        return char.IsSurrogate(a) == char.IsSurrogate(b) ? a.CompareTo(b) : char.IsSurrogate(a) ? 1 : -1;
    }

    private static int CompareLists(RenderContext context, TemplateList left, TemplateList right, string sign, int depth)
    {
        for (var i = 0; i < Math.Min(left.Count, right.Count); i++)
        {
            if (!AreEqual(context, left.Items[i], right.Items[i], depth + 1))
                return Compare(context, left.Items[i], right.Items[i], sign, depth + 1);
        }
        return left.Count.CompareTo(right.Count);
    }

    /// <summary>The <c>in</c> operator.</summary>
    public static bool Contains(RenderContext context, object? container, object? item)
    {
        switch (container)
        {
            case Text text when item is Text needle:
                context.ChargeSearch(text.Length, needle.Length);
                return text.Value.Contains(needle.Value, StringComparison.Ordinal);
            case Text:
                throw context.Error($"'in' on a string needs a string, not '{TypeName(item)}'");
            case TemplateMap map:
                if (!PythonKeys.IsHashable(item)) throw context.Error($"a '{TypeName(item)}' cannot be a key");
                context.ChargeKey(item);
                return map.TryGet(item, out _);
            default:
                foreach (var candidate in PythonSequences.Iterate(context, container))
                    if (AreEqual(context, candidate, item)) return true;
                return false;
        }
    }
}
