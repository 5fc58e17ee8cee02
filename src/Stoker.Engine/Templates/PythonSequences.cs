namespace Stoker.Engine.Templates;

/// <summary>Iteration, length, indexing and slicing.</summary>
internal static class PythonSequences
{
    /// <summary>
    /// Everything the value yields: code points of a string, keys of a map, nothing for an undefined value.
    /// </summary>
    public static IReadOnlyList<object?> Iterate(RenderContext context, object? value)
    {
        var items = value switch
        {
            TemplateList list => list.Items,
            TemplateMap map => [.. map.Keys],
            TemplateIterator iterator => iterator.TakeAll(),
            Text text => Points(context, text),
            Undefined => [],
            _ => throw context.Error($"a '{PythonOperators.TypeName(value)}' cannot be iterated"),
        };
        context.Step(items.Count);
        return items;
    }

    private static List<object?> Points(RenderContext context, Text text)
    {
        context.CheckItems(text.Length);
        var points = new List<object?>(text.Length);
        for (var at = 0; at < text.Length; at += PythonText.WidthAt(text.Value, at))
            points.Add(text.Slice(at, PythonText.WidthAt(text.Value, at)));
        return points;
    }

    /// <summary>len(); null when the value has none.</summary>
    public static int? Length(RenderContext context, object? value)
    {
        if (value is Text text) context.ChargeText(text.Length);
        return value switch
        {
            Text counted => PythonText.PointCount(counted.Value),
            TemplateList list => list.Count,
            TemplateMap map => map.Count,
            LoopState loop => loop.Length,
            Undefined => 0,
            _ => null,
        };
    }

    /// <summary>
    /// The item at an index, negative from the end; false when it is out of range or the value cannot be indexed.
    /// </summary>
    public static bool TryIndex(RenderContext context, object? value, long index, out object? item)
    {
        item = null;
        if (value is TemplateList { IsIndexable: true } list)
        {
            if (index < 0) index += list.Count;
            if (index < 0 || index >= list.Count) return false;
            item = list.Items[(int)index];
            return true;
        }
        if (value is not Text text) return false;
        context.ChargeText(text.Length);
        var offsets = PythonText.PointOffsets(text.Value);
        var count = offsets is null ? text.Length : offsets.Length - 1;
        if (index < 0) index += count;
        if (index < 0 || index >= count) return false;
        item = offsets is null ? text.Slice((int)index, 1) : text.Slice(offsets[index], offsets[index + 1] - offsets[index]);
        return true;
    }

    public static object? Slice(RenderContext context, object? value, object? start, object? stop, object? step)
    {
        if (value is Text text) return SliceText(context, text, start, stop, step);
        if (value is not TemplateList { IsIndexable: true } list)
            throw context.Error($"a '{PythonOperators.TypeName(value)}' cannot be sliced");
        var (first, count, stride) = Bounds(context, list.Count, start, stop, step);
        context.CheckItems(count);
        var items = new object?[count];
        for (var i = 0; i < count; i++) items[i] = list.Items[(int)(first + (i * stride))];
        return new TemplateList(items, list.Kind);
    }

    private static Text SliceText(RenderContext context, Text text, object? start, object? stop, object? step)
    {
        context.ChargeText(text.Length);
        var offsets = PythonText.PointOffsets(text.Value);
        int At(long point) => offsets is null ? (int)point : offsets[point];
        var (first, count, stride) = Bounds(context, offsets is null
            ? text.Length
            : offsets.Length - 1, start, stop, step);
        if (count == 0) return Text.Empty;
        if (stride == 1) return text.Slice(At(first), At(first + count) - At(first));
        var result = new TextBuilder(context);
        for (var i = 0; i < count; i++)
        {
            var point = first + (i * stride);
            result.Append(text.Slice(At(point), At(point + 1) - At(point)));
        }
        return result.ToText();
    }

    /// <summary>Python's slice.indices: the first index, how many, and the stride.</summary>
    private static (long First, int Count, long Stride) Bounds(RenderContext context, int length, object? start, object? stop, object? step)
    {
        var stride = Part(context, step) ?? 1;
        if (stride == 0) throw context.Error("a slice's step cannot be zero");
        stride = Math.Clamp(stride, -int.MaxValue, int.MaxValue); // beyond, a slice has one item at most
        var (low, high) = stride > 0 ? (0, length) : (-1, length - 1);
        long Limit(long? part, long missing) =>
            part is not { } given ? missing : Math.Clamp(given < 0 ? Math.Max(given, -int.MaxValue) + length : given, low, high);
        var first = Limit(Part(context, start), stride > 0 ? low : high);
        var end = Limit(Part(context, stop), stride > 0 ? high : low);
        var count = stride > 0 ? (end - first + stride - 1) / stride : (first - end - stride - 1) / -stride;
        return (first, (int)Math.Max(count, 0), stride);
    }

    private static long? Part(RenderContext context, object? value) => value is null
        ? null
        : PythonOperators.AsInteger(value) ?? throw context.Error($"a slice needs integers, not '{PythonOperators.TypeName(value)}'");
}
