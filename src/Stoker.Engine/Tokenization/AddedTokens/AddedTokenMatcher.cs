using System.Buffers;
using Stoker.Engine.Native;
using Stoker.Engine.Tokenization.Unicode;

namespace Stoker.Engine.Tokenization.AddedTokens;

/// <summary>
/// Finds added tokens in a text, leftmost first and the longest of those that start there. The tokens lie in the order
/// of their bytes, so all that begin alike stand together: each further byte of the text narrows the range.
/// </summary>
internal sealed class AddedTokenMatcher
{
    private readonly FlatArray<AddedTokenEntry> _entries;
    private readonly FlatBytes _bytes;
    private readonly SearchValues<byte> _firstBytes;
    private readonly int[] _startsOf = new int[257]; // by first byte: its first entry; the next one's is its end

    /// <param name="entries">In the order of their bytes, no two alike, none empty.</param>
    /// <param name="bytes">Theirs.</param>
    public AddedTokenMatcher(FlatArray<AddedTokenEntry> entries, FlatBytes bytes)
    {
        (_entries, _bytes) = (entries, bytes);
        foreach (ref readonly var entry in entries.Span) _startsOf[bytes[entry.Start] + 1]++;
        var first = new List<byte>();
        for (var value = 0; value < 256; value++)
        {
            if (_startsOf[value + 1] > 0) first.Add((byte)value);
            _startsOf[value + 1] += _startsOf[value];
        }

        _firstBytes = SearchValues.Create([.. first]);
    }

    /// <summary>The next match that counts, at or after the position.</summary>
    /// <param name="text">The text.</param>
    /// <param name="done">End of the previous match: white space before it is taken.</param>
    /// <param name="parseSpecial">False: special tokens are text.</param>
    public AddedTokenMatch? FindNext(ReadOnlySpan<byte> text, int done, bool parseSpecial)
    {
        var position = done;
        while (LeftmostLongest(text, position) is var (start, entry))
        {
            var (flags, end) = (entry.Flags, start + entry.Length);

            // A match that does not count still uses up its text: the search goes on behind it.
            if (((flags & AddedTokenFlags.Special) != 0 && !parseSpecial)
                || ((flags & AddedTokenFlags.SingleWord) != 0 && TouchesWord(text, start, end)))
            {
                position = end;
                continue;
            }

            if ((flags & AddedTokenFlags.StripLeft) != 0) start = done + Utf8.SkipClassBack(text[done..start], start - done, CharacterClass.Space);
            if ((flags & AddedTokenFlags.StripRight) != 0) end = Utf8.SkipClass(text, end, CharacterClass.Space);
            return new AddedTokenMatch(start, end, entry.Id);
        }

        return null;
    }

    private (int Start, AddedTokenEntry Entry)? LeftmostLongest(ReadOnlySpan<byte> text, int position)
    {
        if (_entries.Length == 0) return null;
        while (text[position..].IndexOfAny(_firstBytes) is >= 0 and var offset)
        {
            var start = position + offset;
            if (LongestAt(text[start..]) is >= 0 and var entry) return (start, _entries[entry]);
            position = start + 1;
        }

        return null;
    }

    /// <summary>The entry of the longest token that the text begins with, or -1.</summary>
    private int LongestAt(ReadOnlySpan<byte> text)
    {
        var (longest, low, high) = (-1, _startsOf[text[0]], _startsOf[text[0] + 1]);
        for (var depth = 1; low < high; depth++)
        {
            // Here all entries from low to high begin with the first bytes of the text, so many as depth says. One that
            // is no longer than that stands first.
            if (_entries[low].Length == depth) longest = low++;
            if (depth == text.Length) break;
            var next = text[depth];
            (low, high) = (LowerBound(low, high, depth, next), LowerBound(low, high, depth, next + 1));
        }

        return longest;
    }

    /// <summary>The first entry whose byte at the depth is at least the value.</summary>
    private int LowerBound(int low, int high, int depth, int value)
    {
        while (low < high)
        {
            var middle = (low + high) >>> 1;
            if (_bytes[_entries[middle].Start + depth] < value) low = middle + 1;
            else high = middle;
        }

        return low;
    }

    private static bool TouchesWord(ReadOnlySpan<byte> text, int start, int end) =>
        (start > 0 && CharacterClass.IsIn(Utf8.ReadBefore(text, start, out _), CharacterClass.Word))
        || (end < text.Length && CharacterClass.IsIn(Utf8.ReadAt(text, end, out _), CharacterClass.Word));
}

/// <summary>Where an added token was found, with the white space it swallows.</summary>
internal readonly record struct AddedTokenMatch(int Start, int End, int Id);
