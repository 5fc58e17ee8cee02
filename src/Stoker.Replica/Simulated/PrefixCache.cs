namespace Stoker.Replica.Simulated;

/// <summary>
/// Which prompt prefixes a replica holds: full blocks by the chain of what stands before them, least recently used out
/// first.
/// </summary>
public sealed class PrefixCache(int capacityTokens, int blockTokens = PrefixCache.BlockTokens)
{
    /// <summary>Positions in a block, as in the engine.</summary>
    public const int BlockTokens = 16;

    private readonly int _capacity = capacityTokens / blockTokens;
    private readonly Dictionary<ulong, LinkedListNode<ulong>> _blocks = [];
    private readonly LinkedList<ulong> _order = new();

    public int Count => _blocks.Count;

    /// <summary>
    /// The keys of a prompt's full blocks; two prompts share a key exactly as far as they begin alike (up to a
    /// collision of 64 bits) under the same salt.
    /// </summary>
    public static ulong[] KeysOf(IReadOnlyList<int> tokens, string? salt = null)
    {
        var keys = new ulong[tokens.Count / BlockTokens];
        var hash = 14695981039346656037UL;
        foreach (var letter in salt ?? "") hash = SimulatedText.Mix(hash ^ letter);
        for (var index = 0; index < keys.Length * BlockTokens; index++)
        {
            hash = SimulatedText.Mix(hash ^ (uint)tokens[index]);
            if (index % BlockTokens == BlockTokens - 1) keys[index / BlockTokens] = hash;
        }

        return keys;
    }

    /// <summary>Leading blocks that are held, without a use of them.</summary>
    public int Holds(ReadOnlySpan<ulong> keys)
    {
        var held = 0;
        while (held < keys.Length && _blocks.ContainsKey(keys[held])) held++;
        return held;
    }

    /// <summary>Leading blocks that are held; they count as used now.</summary>
    public int Match(ReadOnlySpan<ulong> keys)
    {
        var matched = 0;
        while (matched < keys.Length && _blocks.TryGetValue(keys[matched], out var node))
        {
            _order.Remove(node);
            _order.AddFirst(node);
            matched++;
        }

        return matched;
    }

    public void Insert(ReadOnlySpan<ulong> keys)
    {
        if (_capacity == 0) return;
        for (var index = keys.Length - 1; index >= 0; index--) // the tail first: shared heads live longest
        {
            if (_blocks.Remove(keys[index], out var held)) _order.Remove(held);
            _blocks[keys[index]] = _order.AddFirst(keys[index]);
        }

        while (_blocks.Count > _capacity)
        {
            _blocks.Remove(_order.Last!.Value);
            _order.RemoveLast();
        }
    }
}
