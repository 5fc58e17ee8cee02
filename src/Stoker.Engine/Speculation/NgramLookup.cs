namespace Stoker.Engine.Speculation;

/// <summary>Finds where a text's last tokens stood before, and what followed them there.</summary>
internal static class NgramLookup
{
    /// <summary>
    /// Where what followed begins: of the longest suffix of at most <paramref name="longest"/> tokens (two at least, or one where that
    /// is the most) that stands somewhere before, the latest such place. -1: nowhere.
    /// </summary>
    /// <remarks>One vectorised pass over the tokens that equal the last one; 8,000 tokens take some microseconds.</remarks>
    public static int Continuation(ReadOnlySpan<int> tokens, int longest)
    {
        if (tokens.Length < 2) return -1;
        var (last, best, bestLength) = (tokens[^1], -1, Math.Min(longest, 2) - 1);
        var before = tokens[..^1];
        for (var end = before.LastIndexOf(last); end >= 0; end = before[..end].LastIndexOf(last))
        {
            var length = 1;
            while (length < longest && length <= end && tokens[end - length] == tokens[^(length + 1)]) length++;
            if (length <= bestLength) continue;
            (best, bestLength) = (end + 1, length);
            if (length == longest) break;
        }
        return best;
    }
}
