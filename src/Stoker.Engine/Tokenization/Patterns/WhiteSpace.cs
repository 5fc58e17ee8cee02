using Stoker.Engine.Tokenization.Unicode;

namespace Stoker.Engine.Tokenization.Patterns;

/// <summary>The endings that the split patterns share: <c>\s*[\r\n]+|\s+(?!\S)|\s+</c>.</summary>
internal static class WhiteSpace
{
    /// <param name="text">The piece.</param>
    /// <param name="start">Where a white-space character stands.</param>
    /// <param name="stopAfterLineBreaks">Whether the pattern has the first alternative: up to the run's last line
    /// break.</param>
    public static int Match(ReadOnlySpan<byte> text, int start, bool stopAfterLineBreaks)
    {
        var (position, afterBreak, last) = (start, -1, start);
        while (position < text.Length)
        {
            var code = Utf8.ReadAt(text, position, out var length);
            if (!CharacterClass.IsIn(code, CharacterClass.Space)) break;
            last = position;
            position += length;
            if (code is '\r' or '\n') afterBreak = position;
        }

        if (stopAfterLineBreaks && afterBreak > 0) return afterBreak;

        // The last white space before a word belongs to the word, unless it is the only one.
        return position < text.Length && last > start ? last : position;
    }
}
