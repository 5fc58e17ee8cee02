using System.Text;

namespace Stoker.Engine.Templates;

/// <summary>Python's view of strings: its whitespace, its lines, and positions counted in code points.</summary>
internal static class PythonText
{
    /// <summary>Python counts the four information separators as whitespace; .NET does not.</summary>
    public static bool IsSpace(char character) => char.IsWhiteSpace(character) || character is >= '\x1c' and <= '\x1f';

    public static bool IsBlank(ReadOnlySpan<char> text)
    {
        foreach (var character in text)
            if (!IsSpace(character)) return false;
        return true;
    }

    public static string TrimEnd(string text)
    {
        var end = text.Length;
        while (end > 0 && IsSpace(text[end - 1])) end--;
        return text[..end];
    }

    /// <summary>Python's strip, lstrip and rstrip; without a set it strips whitespace.</summary>
    public static Text Strip(Text text, string? set, bool left = true, bool right = true)
    {
        var (value, start, end) = (text.Value, 0, text.Length);
        if (left) while (start < end && InSet(value, start, set) is > 0 and var width) start += width;
        if (right) while (end > start && InSet(value, BeforePoint(value, end), set) > 0) end = BeforePoint(value, end);
        return text.Slice(start, end - start);
    }

    /// <summary>The width of the code point at the position if it is to be stripped, else 0.</summary>
    private static int InSet(string value, int at, string? set)
    {
        if (set is null) return IsSpace(value[at]) ? 1 : 0;
        var width = WidthAt(value, at);
        var point = value.AsSpan(at, width);
        for (var i = 0; i < set.Length; i += WidthAt(set, i))
            if (point.SequenceEqual(set.AsSpan(i, WidthAt(set, i)))) return width;
        return 0;
    }

    public static int WidthAt(string value, int at) =>
        char.IsHighSurrogate(value[at]) && at + 1 < value.Length && char.IsLowSurrogate(value[at + 1]) ? 2 : 1;

    private static int BeforePoint(string value, int end) =>
        end > 1 && WidthAt(value, end - 2) == 2 ? end - 2 : end - 1;

    /// <summary>len() of the string.</summary>
    public static int PointCount(string value)
    {
        var count = value.Length;
        for (var i = 0; i + 1 < value.Length; i++)
        {
            if (WidthAt(value, i) == 1) continue;
            count--;
            i++;
        }
        return count;
    }

    /// <summary>Where each code point starts, with the end as the last entry; null when every unit is one.</summary>
    public static int[]? PointOffsets(string value)
    {
        var count = PointCount(value);
        if (count == value.Length) return null;
        var offsets = new int[count + 1];
        for (int i = 0, at = 0; i < count; i++, at += WidthAt(value, at)) offsets[i] = at;
        offsets[count] = value.Length;
        return offsets;
    }

    /// <summary>The number of code points before a position in UTF-16 units.</summary>
    public static int PointIndex(string value, int unitIndex) => PointCount(value[..unitIndex]);

    private static bool IsLineEnd(char character) =>
        character is '\n' or '\r' or '\v' or '\f' or (>= '\x1c' and <= '\x1e') or '\x85' or '\u2028' or '\u2029';

    public static List<Text> SplitLines(Text text, bool keepEnds = false)
    {
        var (value, lines, start) = (text.Value, new List<Text>(), 0);
        for (var i = 0; i < value.Length; i++)
        {
            if (!IsLineEnd(value[i])) continue;
            var end = value[i] == '\r' && i + 1 < value.Length && value[i + 1] == '\n' ? i + 2 : i + 1;
            lines.Add(text.Slice(start, (keepEnds ? end : i) - start));
            (start, i) = (end, end - 1);
        }
        if (start < value.Length) lines.Add(text.Slice(start));
        return lines;
    }

    /// <summary>str.title(): a letter after anything that is no letter starts a word.</summary>
    public static string Title(string value)
    {
        var result = new StringBuilder(value.Length);
        var inWord = false;
        foreach (var character in value)
        {
            result.Append(inWord ? char.ToLowerInvariant(character) : char.ToUpperInvariant(character));
            inWord = char.IsLetter(character);
        }
        return result.ToString();
    }

    public static string Capitalize(string value)
    {
        if (value.Length == 0) return value;
        var width = WidthAt(value, 0);
        return value[..width].ToUpperInvariant() + value[width..].ToLowerInvariant();
    }
}
