using System.Numerics;

namespace Stoker.ControlPlane.Routing;

/// <summary>
/// Which beginnings of prompts one replica should still have in its cache, by what it was sent: the least recently used are forgotten
/// when as much was sent as its cache holds.
/// </summary>
/// <remarks>
/// A table of eight places a bucket, 64 bits a place: 40 of the key, 24 of the time, which is counted in bytes that came new. Who reads
/// takes no lock, nor does who writes: two at once may lose a block, and an estimate is a block worse. Memory is bounded by the size at
/// the first use; a replica that got no prompt of a block has none.
/// </remarks>
internal sealed class PrefixIndex
{
    /// <summary>What is assumed of a cache whose size the replica does not tell: that of a mid-size model on one accelerator.</summary>
    public const int UsualTokens = 1 << 20;

    /// <summary>Of English text. Only the size of a cache is told in tokens.</summary>
    public const int BytesPerToken = 4;

    private const int Ways = 8;
    private const int StampBits = 24;
    private const ulong StampMask = (1UL << StampBits) - 1;
    private const int BytesPerTick = 256;
    private const int LeastPlaces = 1 << 10; // 8 KiB
    private const int MostPlaces = 1 << 15; // 256 KiB: the blocks of some 15 million tokens

    /// <summary>So far back a time can be told from one to come, twice over.</summary>
    private const long MostBytes = (long)(StampMask / 4) * BytesPerTick;

    private readonly long _horizon;
    private readonly int _places;
    private ulong[]? _table;
    private long _clock = BytesPerTick; // 0 is an empty place

    /// <param name="cacheTokens">What the replica's cache holds; 0: it has none.</param>
    public PrefixIndex(long cacheTokens)
    {
        _horizon = Math.Min(cacheTokens, MostBytes / BytesPerToken) * BytesPerToken;
        var places = BitOperations.RoundUpToPowerOf2((ulong)(_horizon / (2 * PromptBlocks.Ends[0])));
        _places = (int)Math.Clamp(places, LeastPlaces, MostPlaces);
    }

    /// <summary>Bytes that it takes.</summary>
    public int SizeBytes => (_table?.Length ?? 0) * sizeof(ulong);

    /// <summary>Leading blocks of a prompt that the replica should have.</summary>
    /// <remarks>A beginning is used whenever what follows it is, and stays as long: so the last one that is there can be halved for.</remarks>
    /// <param name="guess">Looked at first: what another replica has. A prefix that is hot is mostly there as far as elsewhere.</param>
    public int Match(ReadOnlySpan<ulong> keys, int guess = 0)
    {
        if (_table is not { } table || keys.Length == 0 || !Has(table, keys[0])) return 0;
        var (least, most) = (1, keys.Length);
        if (guess > 1 && guess <= most)
        {
            if (!Has(table, keys[guess - 1])) most = guess - 1;
            else if (guess == most || !Has(table, keys[guess])) return guess;
            else least = guess + 1;
        }

        while (least < most)
        {
            var middle = (least + most + 1) / 2;
            if (Has(table, keys[middle - 1])) least = middle;
            else most = middle - 1;
        }

        return least;
    }

    /// <summary>The plain way to the same: block by block.</summary>
    internal int MatchPlainly(ReadOnlySpan<ulong> keys)
    {
        var count = 0;
        if (_table is { } table) while (count < keys.Length && Has(table, keys[count])) count++;
        return count;
    }

    /// <summary>The replica gets such a prompt: all of it counts as used now.</summary>
    public void Add(ReadOnlySpan<ulong> keys)
    {
        if (keys.Length == 0 || _horizon == 0) return;
        var table = _table ??= new ulong[_places];
        for (var index = keys.Length - 1; index >= 0; index--) // the tail first: shared heads live longest
        {
            Add(table, keys[index], PromptBlocks.Ends[index] - PromptBlocks.BytesOf(index));
        }
    }

    /// <summary>The replica has lost them.</summary>
    public void Forget() => _table = null;

    private bool Has(ulong[] table, ulong key)
    {
        foreach (ref var place in Bucket(table, key))
        {
            var word = Volatile.Read(ref place);
            if (IsOf(word, key)) return Age(word) < _horizon;
        }

        return false;
    }

    private void Add(ulong[] table, ulong key, int bytes)
    {
        var bucket = Bucket(table, key);
        var (place, age) = Find(bucket, key);
        // What comes new pushes everything back; what is used again only what is younger, here each by as much as is its share.
        var push = age >= _horizon ? bytes : bytes * age / _horizon;
        var now = (ulong)Interlocked.Add(ref _clock, push) / BytesPerTick;
        Volatile.Write(ref bucket[place], (key & ~StampMask) | (now & StampMask));
    }

    /// <summary>The key's own place, or the one to give up for it: an empty one or the oldest.</summary>
    private (int Place, long Age) Find(Span<ulong> bucket, ulong key)
    {
        var (oldest, most) = (0, -1L);
        for (var place = 0; place < bucket.Length; place++)
        {
            var word = Volatile.Read(ref bucket[place]);
            if (IsOf(word, key)) return (place, Age(word));
            var age = word == 0 ? long.MaxValue : Age(word);
            if (age > most) (oldest, most) = (place, age);
        }

        return (oldest, _horizon);
    }

    private static bool IsOf(ulong word, ulong key) => word != 0 && ((word ^ key) & ~StampMask) == 0;

    private long Age(ulong word) => (long)((((ulong)Volatile.Read(ref _clock) / BytesPerTick) - word) & StampMask) * BytesPerTick;

    private static Span<ulong> Bucket(ulong[] table, ulong key) => table.AsSpan((int)(key & (ulong)((table.Length / Ways) - 1)) * Ways, Ways);
}
