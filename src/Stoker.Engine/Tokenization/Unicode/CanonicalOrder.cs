namespace Stoker.Engine.Tokenization.Unicode;

/// <summary>
/// Puts combining marks into canonical order: within each run, by combining class, equal ones as they stood.
/// </summary>
internal static class CanonicalOrder
{
    /// <summary>
    /// Runs in real text have two or three marks. Longer ones are sorted in O(n log n), so that no text of marks alone
    /// takes quadratic time.
    /// </summary>
    private const int ShortRun = 16;

    public static int ClassOf(int code) =>
        CombiningTable.CombiningBlocks[(CombiningTable.CombiningIndex[code >> 7] << 7) | (code & 127)];

    public static void Sort(List<int> points)
    {
        for (var start = 0; start < points.Count; start++)
        {
            if (ClassOf(points[start]) == 0) continue;
            var end = start + 1;
            while (end < points.Count && ClassOf(points[end]) != 0) end++;
            if (end - start <= ShortRun) Insert(points, start, end);
            else SortLong(points, start, end);
            start = end;
        }
    }

    private static void Insert(List<int> points, int start, int end)
    {
        for (var i = start + 1; i < end; i++)
        {
            var (point, at) = (points[i], i);
            for (; at > start && ClassOf(points[at - 1]) > ClassOf(point); at--) points[at] = points[at - 1];
            points[at] = point;
        }
    }

    private static void SortLong(List<int> points, int start, int end)
    {
        var keys = new long[end - start]; // class and place, so that equal classes keep their order
        var values = new int[end - start];
        for (var i = 0; i < keys.Length; i++)
        {
            values[i] = points[start + i];
            keys[i] = ((long)ClassOf(values[i]) << 32) | (uint)i;
        }

        Array.Sort(keys, values);
        for (var i = 0; i < values.Length; i++) points[start + i] = values[i];
    }
}
