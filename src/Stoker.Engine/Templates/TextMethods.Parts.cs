namespace Stoker.Engine.Templates;

/// <summary>Splitting, joining and replacing.</summary>
internal static partial class TextMethods
{
    private static object? Split(RenderContext context, Text text, Arguments arguments, bool fromEnd)
    {
        var bound = arguments.Bind(context, "sep", "maxsplit");
        var limit = bound.OptionalInteger(1) is { } given and >= 0 ? given : long.MaxValue;
        if (bound.OptionalText(0) is not { } separator) return List(context, SplitOnSpace(text, limit, fromEnd));
        if (separator.Length == 0) throw context.Error($"'{arguments.Callee}' needs a separator that is not empty");
        context.ChargeSearch(text.Length, separator.Length);
        var cuts = Occurrences(text.Value, separator.Value, limit, fromEnd);
        return List(context, Cut(text, cuts, separator.Length));
    }

    private static TemplateList List(RenderContext context, List<Text> parts)
    {
        context.CheckItems(parts.Count);
        return new(parts.ConvertAll<object?>(part => part));
    }

    /// <summary>
    /// Where the separator stands, in ascending order; at most <paramref name="limit"/> of them, from the wanted end.
    /// </summary>
    private static List<int> Occurrences(string text, string separator, long limit, bool fromEnd)
    {
        var cuts = new List<int>();
        if (!fromEnd)
        {
            for (var at = 0; cuts.Count < limit && (at = text.IndexOf(separator, at, StringComparison.Ordinal)) >= 0; at += separator.Length) cuts.Add(at);
            return cuts;
        }
        for (var end = text.Length; cuts.Count < limit && text.AsSpan(0, end).LastIndexOf(separator) is >= 0 and var at; end = at) cuts.Add(at);
        cuts.Reverse();
        return cuts;
    }

    private static List<Text> Cut(Text text, List<int> cuts, int width)
    {
        var (parts, start) = (new List<Text>(cuts.Count + 1), 0);
        foreach (var at in cuts)
        {
            parts.Add(text.Slice(start, at - start));
            start = at + width;
        }
        parts.Add(text.Slice(start));
        return parts;
    }

    /// <summary>Runs of whitespace separate, and none at the ends makes an empty part.</summary>
    private static List<Text> SplitOnSpace(Text text, long limit, bool fromEnd)
    {
        var words = new List<(int Start, int End)>();
        for (var i = 0; i < text.Length; i++)
        {
            if (PythonText.IsSpace(text.Value[i])) continue;
            var start = i;
            while (i < text.Length && !PythonText.IsSpace(text.Value[i])) i++;
            words.Add((start, i));
        }
        if (words.Count > limit) words = Merged(words, (int)limit, fromEnd, text);
        return words.ConvertAll(word => text.Slice(word.Start, word.End - word.Start));
    }

    /// <summary>
    /// Only so many splits: the rest stays one part, with its inner and outer whitespace on the unsplit side.
    /// </summary>
    private static List<(int Start, int End)> Merged(List<(int Start, int End)> words, int limit, bool fromEnd, Text text)
    {
        if (fromEnd) return [(0, words[^(limit + 1)].End), .. words[^limit..]];
        return [.. words[..limit], (words[limit].Start, text.Length)];
    }

    private static object? SplitLines(RenderContext context, Text text, Arguments arguments)
    {
        var keepEnds = arguments.Bind(context, "keepends").Flag(0);
        context.ChargeText(text.Length);
        return List(context, PythonText.SplitLines(text, keepEnds));
    }

    private static object? Partition(RenderContext context, Text text, Arguments arguments, bool last)
    {
        var separator = arguments.Bind(context, "sep").Text(0);
        if (separator.Length == 0) throw context.Error($"'{arguments.Callee}' needs a separator that is not empty");
        context.ChargeSearch(text.Length, separator.Length);
        var cuts = Occurrences(text.Value, separator.Value, 1, last);
        Text[] parts = cuts is [var at]
            ? [text.Slice(0, at), text.Slice(at, separator.Length), text.Slice(at + separator.Length)]
            : last ? [Text.Empty, Text.Empty, text] : [text, Text.Empty, Text.Empty];
        return new TemplateList(parts, ListKind.Tuple);
    }

    private static object? Join(RenderContext context, Text text, Arguments arguments)
    {
        var items = PythonSequences.Iterate(context, arguments.Bind(context, "iterable").Required(0));
        var result = new TextBuilder(context);
        for (var i = 0; i < items.Count; i++)
        {
            if (i > 0) result.Append(text);
            result.Append(items[i] as Text ?? throw context.Error($"'join' needs strings, not '{PythonOperators.TypeName(items[i])}'"));
        }
        return result.ToText();
    }

    private static Text ReplaceMethod(RenderContext context, Text text, BoundArguments bound) =>
        Replace(context, text, bound.Text(0), bound.Text(1), bound.OptionalInteger(2) ?? -1);

    /// <param name="count">How many to replace at most; negative: all.</param>
    public static Text Replace(RenderContext context, Text text, Text old, Text fresh, long count)
    {
        context.ChargeSearch(text.Length, old.Length);
        var limit = count < 0 ? long.MaxValue : count;
        if (old.Length == 0) return Interleave(context, text, fresh, limit);
        var parts = Cut(text, Occurrences(text.Value, old.Value, limit, fromEnd: false), old.Length);
        context.Step(parts.Count);
        if (parts.Count == 1) return text;
        var result = new TextBuilder(context);
        for (var i = 0; i < parts.Count; i++)
        {
            if (i > 0) result.Append(fresh);
            result.Append(parts[i]);
        }
        return result.ToText();
    }

    /// <summary>Replacing the empty string puts the new one before every code point and at the end.</summary>
    private static Text Interleave(RenderContext context, Text text, Text fresh, long limit)
    {
        context.Step(text.Length);
        var result = new TextBuilder(context);
        for (var at = 0; at < text.Length; at += PythonText.WidthAt(text.Value, at))
        {
            if (limit-- > 0) result.Append(fresh);
            result.Append(text.Slice(at, PythonText.WidthAt(text.Value, at)));
        }
        if (limit > 0) result.Append(fresh);
        return result.ToText();
    }
}
