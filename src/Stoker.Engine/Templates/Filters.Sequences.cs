namespace Stoker.Engine.Templates;

/// <summary>Filters over sequences and maps.</summary>
internal static partial class Filters
{
    private static object? ToList(Renderer r, object? value, Arguments arguments)
    {
        arguments.Bind(r.Context);
        return new TemplateList(PythonSequences.Iterate(r.Context, value));
    }

    private static object? First(Renderer r, object? value, Arguments arguments)
    {
        arguments.Bind(r.Context);
        if (value is TemplateIterator iterator && iterator.TryTake(out var taken)) return taken;
        if (value is Text text && text.Length > 0) return text.Slice(0, PythonText.WidthAt(text.Value, 0));
        return PythonSequences.Iterate(r.Context, value) is [var item, ..] ? item : new Undefined("no first item, the sequence was empty");
    }

    private static object? Last(Renderer r, object? value, Arguments arguments)
    {
        arguments.Bind(r.Context);
        if (value is TemplateIterator) throw r.Context.Error("'last' needs a sequence; make it one with 'list'");
        if (value is Text text && PythonSequences.TryIndex(r.Context, text, -1, out var point)) return point;
        return PythonSequences.Iterate(r.Context, value) is [.., var item] ? item : new Undefined("no last item, the sequence was empty");
    }

    private static object? Join(Renderer r, object? value, Arguments arguments)
    {
        var bound = arguments.Bind(r.Context, "d", "attribute");
        var separator = bound.Has(0) ? Str(r, bound.Value(0)) : Text.Empty;
        var result = new TextBuilder(r.Context);
        var first = true;
        foreach (var item in PythonSequences.Iterate(r.Context, value))
        {
            if (!first) result.Append(separator);
            first = false;
            PythonPrinting.AppendStr(r.Context, result, bound.Value(1) is null ? item : AttributePath.Get(r.Context, item, bound.Value(1)));
        }
        return result.ToText();
    }

    private static object? Reverse(Renderer r, object? value, Arguments arguments)
    {
        arguments.Bind(r.Context);
        if (value is Text) return PythonSequences.Slice(r.Context, value, null, null, -1L);
        return new TemplateIterator([.. PythonSequences.Iterate(r.Context, value).Reverse()]);
    }

    /// <summary>What an item sorts by; strings without regard to case unless told otherwise.</summary>
    private static object? SortKey(RenderContext context, object? item, object? attribute, bool caseSensitive)
    {
        var key = attribute is null ? item : AttributePath.Get(context, item, attribute);
        context.ChargeKey(key);
        return key is Text text && !caseSensitive ? Map(text, value => value.ToLowerInvariant()) : key;
    }

    private static object? Sort(Renderer r, object? value, Arguments arguments)
    {
        var bound = arguments.Bind(r.Context, "reverse", "case_sensitive", "attribute");
        var paths = bound.Value(2) is Text list
            ? list.Value.Split(',').Select(path => (object?)Text.Template(path)).ToArray()
            : [bound.Value(2)];
        return new TemplateList(Sorted(r.Context, PythonSequences.Iterate(r.Context, value), bound.Flag(0),
            item => new TemplateList([.. paths.Select(path => SortKey(r.Context, item, path, bound.Flag(1)))])));
    }

    /// <summary>Python's stable sort; in reverse, equal items keep their order too.</summary>
    public static List<object?> Sorted(RenderContext context, IReadOnlyList<object?> items, bool reverse, Func<object?, object?> key)
    {
        var keyed = items.Select((item, index) => (Item: item, Key: key(item), Index: index)).ToList();
        var comparison = Comparer<(object? Item, object? Key, int Index)>.Create((a, b) =>
        {
            var order = PythonOperators.Compare(context, a.Key, b.Key, "<");
            return order == 0 ? a.Index.CompareTo(b.Index) : reverse ? -order : order;
        });
        try
        {
            keyed.Sort(comparison);
        }
        catch (InvalidOperationException error) when (error.InnerException is TemplateException inner)
        {
            throw new TemplateException(inner.Reason, inner.Line); // the sort wraps what its comparer throws
        }
        return keyed.ConvertAll(entry => entry.Item);
    }

    private static object? Unique(Renderer r, object? value, Arguments arguments)
    {
        var bound = arguments.Bind(r.Context, "case_sensitive", "attribute");
        var (seen, kept) = (new TemplateMap(), new List<object?>());
        foreach (var item in PythonSequences.Iterate(r.Context, value))
        {
            var key = SortKey(r.Context, item, bound.Value(1), bound.Flag(0));
            if (!PythonKeys.IsHashable(key))
            {
                throw r.Context.Error($"'unique' cannot tell a '{PythonOperators.TypeName(key)}' apart");
            }

            if (seen.TryGet(key, out _)) continue;
            seen.Set(key, null);
            kept.Add(item);
        }
        return new TemplateIterator(kept);
    }

    private static object? Map(Renderer r, object? value, Arguments arguments)
    {
        if (!PythonOperators.IsTrue(value)) return new TemplateIterator([]);
        var items = PythonSequences.Iterate(r.Context, value);
        if (arguments.Positional is [Text name, ..])
        {
            var inner = new Arguments(name.Value, arguments.Positional.Skip(1).ToArray(), arguments.Named);
            return new TemplateIterator([.. items.Select(item => r.CallFilter(name.Value, item, inner))]);
        }
        if (arguments.Positional.Count > 0) throw r.Context.Error("'map' needs a filter's name or attribute=...");
        var bound = arguments.Bind(r.Context, "attribute", "default");
        var missing = bound.Value(1);
        return new TemplateIterator([.. items.Select(item => AttributePath.Get(r.Context, item, bound.Required(0), missing))]);
    }

    private static object? Select(Renderer r, object? value, Arguments arguments, bool byAttribute, bool keep)
    {
        if (!PythonOperators.IsTrue(value)) return new TemplateIterator([]);
        var given = arguments.Positional;
        if (byAttribute && given.Count == 0) throw r.Context.Error($"'{arguments.Callee}' needs an attribute's name");
        var path = byAttribute ? given[0] : null;
        var testAt = byAttribute ? 1 : 0;
        var name = given.Count > testAt ? given[testAt] as Text ?? throw r.Context.Error($"'{arguments.Callee}' needs a test's name") : null;
        var inner = new Arguments(name?.Value ?? "", given.Skip(testAt + 1).ToArray(), arguments.Named);
        bool Passes(object? item)
        {
            var tested = path is null ? item : AttributePath.Get(r.Context, item, path);
            return name is null ? PythonOperators.IsTrue(tested) : r.CallTest(name.Value, tested, inner);
        }
        return new TemplateIterator([.. PythonSequences.Iterate(r.Context, value).Where(item => Passes(item) == keep)]);
    }

    private static object? GroupBy(Renderer r, object? value, Arguments arguments)
    {
        var bound = arguments.Bind(r.Context, "attribute", "default", "case_sensitive");
        var (attribute, missing, sensitive) = (bound.Required(0), bound.Value(1), bound.Flag(2));
        object? Raw(object? item) => AttributePath.Get(r.Context, item, attribute, missing);
        object? Key(object? item) => SortKey(r.Context, Raw(item), null, sensitive);
        var groups = new List<(object? Name, object? Key, List<object?> Items)>();
        foreach (var item in Sorted(r.Context, PythonSequences.Iterate(r.Context, value), reverse: false, Key))
        {
            var key = Key(item);
            if (groups.Count == 0 || !PythonOperators.AreEqual(r.Context, groups[^1].Key, key)) groups.Add((Raw(item), key, []));
            groups[^1].Items.Add(item);
        }
        return new TemplateList([.. groups.Select(group => new TemplateList([group.Name, new TemplateList(group.Items)], ListKind.Tuple))]);
    }

    private static object? Batch(Renderer r, object? value, Arguments arguments)
    {
        var bound = arguments.Bind(r.Context, "linecount", "fill_with");
        var size = bound.RequiredInteger(0);
        if (size < 1) throw r.Context.Error("'batch' needs a size of at least 1");
        var rows = new List<object?>();
        foreach (var row in PythonSequences.Iterate(r.Context, value).Chunk((int)Math.Min(size, int.MaxValue)))
        {
            var fill = bound.Value(1) is null ? 0 : size - row.Length;
            r.Context.CheckItems(fill);
            rows.Add(new TemplateList([.. row, .. Enumerable.Repeat(bound.Value(1), (int)fill)]));
        }
        return new TemplateIterator(rows);
    }

    private static object? SliceInto(Renderer r, object? value, Arguments arguments)
    {
        var bound = arguments.Bind(r.Context, "slices", "fill_with");
        var (items, slices) = (PythonSequences.Iterate(r.Context, value), bound.RequiredInteger(0));
        if (slices < 1) throw r.Context.Error("'slice' needs at least one slice");
        r.Context.CheckItems(slices);
        var (each, larger, columns, at) = (items.Count / slices, items.Count % slices, new List<object?>(), 0);
        for (var i = 0; i < slices; i++)
        {
            var count = (int)(each + (i < larger ? 1 : 0));
            var column = items.Skip(at).Take(count).ToList();
            at += count;
            if (bound.Value(1) is { } fill && i >= larger) column.Add(fill);
            columns.Add(new TemplateList(column));
        }
        return new TemplateIterator(columns);
    }

    private static object? Items(Renderer r, object? value, Arguments arguments)
    {
        arguments.Bind(r.Context);
        if (value is Undefined) return new TemplateIterator([]);
        return value is TemplateMap map
            ? new TemplateIterator(CollectionMethods.Pairs(r.Context, map))
            : throw r.Context.Error($"'items' needs a dict, not '{PythonOperators.TypeName(value)}'");
    }

    private static object? SortMap(Renderer r, object? value, Arguments arguments)
    {
        var bound = arguments.Bind(r.Context, "case_sensitive", "by", "reverse");
        if (value is not TemplateMap map)
        {
            throw r.Context.Error($"'dictsort' needs a dict, not '{PythonOperators.TypeName(value)}'");
        }

        var by = bound.OptionalText(1)?.Value ?? "key";
        if (by is not ("key" or "value")) throw r.Context.Error("'dictsort' sorts by 'key' or 'value'");
        var at = by == "key" ? 0 : 1;
        return new TemplateList(Sorted(r.Context, CollectionMethods.Pairs(r.Context, map), bound.Flag(2),
            pair => SortKey(r.Context, ((TemplateList)pair!).Items[at], null, bound.Flag(0))));
    }
}
