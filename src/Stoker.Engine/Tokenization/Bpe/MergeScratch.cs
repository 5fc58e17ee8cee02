namespace Stoker.Engine.Tokenization.Bpe;

/// <summary>The arrays that merging works in.</summary>
internal sealed class MergeScratch
{
    /// <summary>Symbols whose arrays are kept between calls; a piece beyond that gets its own.</summary>
    private const int Kept = 16 * 1024;

    /// <summary>Ids of the piece at hand.</summary>
    public int[] Symbols { get; private set; } = new int[256];

    /// <summary>Value of the pair that starts at each symbol.</summary>
    public long[] Pairs { get; private set; } = new long[256];

    public int[] Next { get; private set; } = [];

    public int[] Previous { get; private set; } = [];

    /// <summary>Where pairs stand, by rank.</summary>
    public RankBuckets Buckets { get; } = new();

    public void Reserve(int symbols)
    {
        if (Symbols.Length >= symbols) return;
        var size = (int)Math.Min(Array.MaxLength, Math.Max(symbols, 2L * Symbols.Length));
        (Symbols, Pairs) = (new int[size], new long[size]);
    }

    public void ReserveLinks(int symbols)
    {
        if (Next.Length < symbols) (Next, Previous) = (new int[symbols], new int[symbols]);
        Buckets.Clear();
    }

    public void Clear()
    {
        if (Symbols.Length > Kept) (Symbols, Pairs) = (new int[256], new long[256]);
        if (Next.Length > Kept) (Next, Previous) = ([], []);
        Buckets.Clear();
    }
}
