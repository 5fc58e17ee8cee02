namespace Stoker.Engine.Tokenization.Unicode;

/// <summary>Lower case by character, and which characters are equal without case (simple folding).</summary>
internal static class CaseMapping
{
    /// <summary>İ, the one character whose lower case is two: i and a combining dot.</summary>
    private const int CapitalDottedI = 0x130;

    private static readonly Lazy<Dictionary<int, int[]>> Equivalents = new(GroupByFolding);

    public static void AppendLower(int code, Utf8Buffer target)
    {
        if (code == CapitalDottedI)
        {
            target.Append('i');
            target.Append(0x307);
            return;
        }

        target.Append(Map(CaseTable.LowerFrom, CaseTable.LowerTo, code));
    }

    /// <summary>
    /// All characters that equal this one without case, itself included; empty when there is no other.
    /// </summary>
    public static ReadOnlySpan<int> EqualWithoutCase(int code) =>
        Equivalents.Value.TryGetValue(Map(CaseTable.FoldingFrom, CaseTable.FoldingTo, code), out var group) ? group : default;

    private static int Map(ReadOnlySpan<int> from, ReadOnlySpan<int> to, int code) =>
        from.BinarySearch(code) is >= 0 and var at ? to[at] : code;

    private static Dictionary<int, int[]> GroupByFolding()
    {
        var groups = new Dictionary<int, List<int>>();
        for (var i = 0; i < CaseTable.FoldingFrom.Length; i++)
        {
            var (from, to) = (CaseTable.FoldingFrom[i], CaseTable.FoldingTo[i]);
            if (!groups.TryGetValue(to, out var group)) groups[to] = group = [to];
            group.Add(from);
        }

        return groups.ToDictionary(pair => pair.Key, pair => pair.Value.ToArray());
    }
}
