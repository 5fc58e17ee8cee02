namespace Stoker.Engine.Tokenization.Patterns;

/// <summary>The backtracking stack of the pattern engine and the steps it may still take for one text.</summary>
internal sealed class MatchScratch
{
    /// <summary>Entries kept between texts.</summary>
    private const int Kept = 64 * 1024;

    private int[] _stack = new int[256];

    public int Depth { get; set; }

    public long StepsLeft { get; private set; }

    /// <summary>
    /// Sets the budget for a text: far above what any pattern of a real file needs for it, and linear, so that no text
    /// stops the server.
    /// </summary>
    public void Allow(int textBytes) => StepsLeft = 100_000 + (300L * textBytes);

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
