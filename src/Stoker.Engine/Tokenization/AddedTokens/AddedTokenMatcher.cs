using System.Buffers;
using System.Text;
using Stoker.Engine.Tokenization.Unicode;

namespace Stoker.Engine.Tokenization.AddedTokens;

/// <summary>
/// Finds added tokens in a text, leftmost first and the longest of those that start there. A trie over bytes, entered
/// only where a first byte occurs.
/// </summary>
internal sealed class AddedTokenMatcher
{
    private readonly List<Node> _nodes = [new()];
    private readonly SearchValues<byte> _firstBytes;

    /// <param name="tokens">Each token with the text it is looked for by; an empty text never matches.</param>
    public AddedTokenMatcher(IEnumerable<(AddedToken Token, string Text)> tokens)
    {
        foreach (var (token, text) in tokens)
        {
            if (text.Length > 0) Insert(token, Encoding.UTF8.GetBytes(text));
        }

        _firstBytes = SearchValues.Create([.. _nodes[0].Children.Keys]);
    }

    public bool IsEmpty => _nodes.Count == 1;

    /// <summary>The next match that counts, at or after the position.</summary>
    /// <param name="text">The text.</param>
    /// <param name="done">End of the previous match: white space before it is taken.</param>
    /// <param name="parseSpecial">False: special tokens are text.</param>
    public AddedTokenMatch? FindNext(ReadOnlySpan<byte> text, int done, bool parseSpecial)
    {
        var position = done;
        while (LeftmostLongest(text, position) is var (start, end, token))
        {
            // A match that does not count still uses up its text: the search goes on behind it.
            if ((token.Special && !parseSpecial) || (token.SingleWord && TouchesWord(text, start, end)))
            {
                position = end;
                continue;
            }

            if (token.StripLeft) start = done + Utf8.SkipClassBack(text[done..start], start - done, CharacterClass.Space);
            if (token.StripRight) end = Utf8.SkipClass(text, end, CharacterClass.Space);
            return new AddedTokenMatch(start, end, token.Id);
        }

        return null;
    }

    private (int Start, int End, AddedToken Token)? LeftmostLongest(ReadOnlySpan<byte> text, int position)
    {
        while (text[position..].IndexOfAny(_firstBytes) is >= 0 and var offset)
        {
            var start = position + offset;
            if (LongestAt(text, start) is var (end, token)) return (start, end, token);
            position = start + 1;
        }

        return null;
    }

    private (int End, AddedToken Token)? LongestAt(ReadOnlySpan<byte> text, int start)
    {
        (int, AddedToken)? longest = null;
        var node = _nodes[0];
        for (var i = start; i < text.Length && node.Children.TryGetValue(text[i], out var next); i++)
        {
            node = _nodes[next];
            if (node.Token is { } token) longest = (i + 1, token);
        }

        return longest;
    }

    private static bool TouchesWord(ReadOnlySpan<byte> text, int start, int end) =>
        (start > 0 && CharacterClass.IsIn(Utf8.ReadBefore(text, start, out _), CharacterClass.Word))
        || (end < text.Length && CharacterClass.IsIn(Utf8.ReadAt(text, end, out _), CharacterClass.Word));

    private void Insert(AddedToken token, byte[] text)
    {
        var at = 0;
        foreach (var value in text)
        {
            if (!_nodes[at].Children.TryGetValue(value, out var next))
            {
                next = _nodes.Count;
                _nodes.Add(new Node());
                _nodes[at].Children.Add(value, next);
            }

            at = next;
        }

        _nodes[at].Token ??= token;
    }

    private sealed class Node
    {
        public Dictionary<byte, int> Children { get; } = [];

        public AddedToken? Token { get; set; }
    }
}

/// <summary>Where an added token was found, with the white space it swallows.</summary>
internal readonly record struct AddedTokenMatch(int Start, int End, int Id);
