namespace Stoker.Engine.Tokenization.Patterns;

/// <summary>The backtracking stack of the pattern engine and the steps it may still take for one text.</summary>
internal sealed class MatchScratch
{
    /// <summary>Entries kept between texts.</summary>
    private const int Kept = 64 * 1024;

    /// <summary>Open choices come to 12 bytes each; a pattern that leaves more behind runs away.</summary>
    private const int MaxStack = 16 * 1024 * 1024;

    private int[] _stack = new int[256];

    public int Depth { get; set; }

    public long StepsLeft { get; private set; }

    /// <summary>
    /// Sets the budget for a text: far above what any pattern of a real file needs for it, and linear, so that no text
    /// stops the server.
    /// </summary>
    public void Allow(int textBytes) => StepsLeft = 100_000 + (300L * textBytes);

    /// <summary>The same for one token of a vocabulary: a file may hold a million of them.</summary>
    public void AllowToken(int tokenBytes) => StepsLeft = 1_000 + (100L * tokenBytes);

    public void Spend(long steps)
    {
        StepsLeft -= steps;
        if (StepsLeft < 0)
        {
            throw new TokenizationException("the text takes too many steps to split with this model's pattern");
        }
    }

    public void Push(int value)
    {
        if (Depth == MaxStack)
        {
            throw new TokenizationException("this model's pattern leaves too many choices open in the text");
        }

        if (Depth == _stack.Length) Array.Resize(ref _stack, _stack.Length * 2);
        _stack[Depth++] = value;
    }

    public int Pop() => _stack[--Depth];

    public void Clear()
    {
        Depth = 0;
        if (_stack.Length > Kept) _stack = new int[256];
    }
}
