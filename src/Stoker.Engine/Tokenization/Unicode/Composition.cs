namespace Stoker.Engine.Tokenization.Unicode;

/// <summary>Canonical composition of decomposed, ordered code points.</summary>
internal static class Composition
{
    public static void Compose(List<int> points)
    {
        var (starter, lastClass, written) = (-1, 0, 0);
        for (var i = 0; i < points.Count; i++)
        {
            var point = points[i];
            var combining = CanonicalOrder.ClassOf(point);

            // A mark of the same or a higher class between the starter and this one blocks it.
            var reaches = starter >= 0 && (starter == written - 1 || lastClass < combining);
            if (reaches && Pair(points[starter], point) is >= 0 and var composite)
            {
                points[starter] = composite;
                continue;
            }

            if (combining == 0) starter = written;
            lastClass = combining;
            points[written++] = point;
        }

        points.RemoveRange(written, points.Count - written);
    }

    private static int Pair(int first, int second)
    {
        if (Hangul.Compose(first, second) is >= 0 and var syllable) return syllable;
        var at = CompositionTable.Pairs.BinarySearch(((long)first << 32) | (uint)second);
        return at < 0 ? -1 : CompositionTable.Composites[at];
    }
}
