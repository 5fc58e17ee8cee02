using System.Text;

namespace Stoker.Engine.Tokenization.Unicode;

/// <summary>
/// The four Unicode normalisation forms, on our own tables: with InvariantGlobalization <see
/// cref="string.Normalize()"/> changes nothing and says nothing.
/// </summary>
internal static class Normalization
{
    /// <summary>Whether the text is surely in the form already; a false may still mean that nothing changes.</summary>
    public static bool IsSurely(UnicodeForm form, ReadOnlySpan<byte> text)
    {
        if (Ascii.IsValid(text)) return true;
        for (var position = 0; position < text.Length;)
        {
            if (MayChange(form, Utf8.ReadAt(text, position, out var length))) return false;
            position += length;
        }

        return true;
    }

    /// <summary>Appends the normalised text to the target.</summary>
    /// <remarks>
    /// Works from one safe place to the next: a character that never changes and never joins what stands before it.
    /// </remarks>
    public static void Apply(UnicodeForm form, ReadOnlySpan<byte> text, Utf8Buffer target)
    {
        var points = new List<int>();
        for (var position = 0; position < text.Length;)
        {
            var code = Utf8.ReadAt(text, position, out var length);
            position += length;
            if (!MayChange(form, code)) Flush(form, points, target);
            Decompose(form, code, points);
        }

        Flush(form, points, target);
    }

    private static bool MayChange(UnicodeForm form, int code) =>
        code >= 0x80 && (CombiningTable.QuickCheckBlocks[(CombiningTable.QuickCheckIndex[code >> 7] << 7) | (code & 127)] & (int)form) != 0;

    private static void Flush(UnicodeForm form, List<int> points, Utf8Buffer target)
    {
        if (points.Count > 1) CanonicalOrder.Sort(points);
        if (points.Count > 1 && form is UnicodeForm.Nfc or UnicodeForm.Nfkc) Composition.Compose(points);
        foreach (var point in points) target.Append(point);
        points.Clear();
    }

    private static void Decompose(UnicodeForm form, int code, List<int> points)
    {
        if (Hangul.Decompose(code, points)) return;
        var compatibility = form is UnicodeForm.Nfkc or UnicodeForm.Nfkd;
        var found = code >= 0x80 && ((compatibility && AddCompatibility(code, points)) || AddCanonical(code, points));
        if (!found) points.Add(code);
    }

    private static bool AddCanonical(int code, List<int> points) => Add(
        DecompositionTable.CanonicalFrom, DecompositionTable.CanonicalStart, DecompositionTable.CanonicalPool, code, points);

    private static bool AddCompatibility(int code, List<int> points) => Add(
        DecompositionTable.CompatibilityFrom, DecompositionTable.CompatibilityStart, DecompositionTable.CompatibilityPool, code, points);

    private static bool Add(ReadOnlySpan<int> from, ReadOnlySpan<ushort> start, ReadOnlySpan<int> pool, int code, List<int> points)
    {
        var at = from.BinarySearch(code);
        if (at < 0) return false;
        points.AddRange(pool[start[at]..start[at + 1]]);
        return true;
    }
}
