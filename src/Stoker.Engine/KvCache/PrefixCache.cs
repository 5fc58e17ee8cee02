using System.Diagnostics;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;

namespace Stoker.Engine.KvCache;

/// <summary>The hash of a block: of its parent's hash and its tokens.</summary>
internal delegate UInt128 BlockHash(UInt128 parent, ReadOnlySpan<int> tokens);

/// <summary>
/// Which block holds the keys and values of which prefix: full blocks, found by a chain of keyed hashes from the
/// prompt's beginning. One thread uses it.
/// </summary>
/// <remarks>
/// A hash only leads to a candidate. What counts is equality of the block's tokens and of its parent, and that is exact: a
/// parent is named by a number that stands for one prefix of one space and is never used again. So a collision
/// of hashes costs a comparison and never gives a wrong block. Two blocks may hold the same prefix (two sequences
/// that computed it side by side); they have one number, and the children of either follow both. All memory is
/// taken at once: 200 bytes for each block of 32.
/// </remarks>
internal sealed class PrefixCache
{
    /// <summary>No block: the parent of a first block, and the result of a search in vain.</summary>
    public const int None = -1;

    private const int MostBucketsPerBlock = 2; // rounded up to a power of two

    private readonly int _blockSize;
    private readonly BlockHash _hash;
    private readonly Entry[] _entries; // by block
    private readonly int[] _tokens; // [block][position]
    private readonly int[] _buckets; // the newest entry's block + 1, so that memory as it comes means empty
    private long _lastPrefix;

    /// <param name="hash">Null, but for a test of collisions: keyed with a random key of this cache.</param>
    public PrefixCache(int blockCount, int blockSize, BlockHash? hash = null)
    {
        (_blockSize, _hash) = (blockSize, hash ?? NewHash());
        (_entries, _tokens) = (new Entry[blockCount], new int[checked(blockCount * blockSize)]);
        _buckets = new int[BitOperations.RoundUpToPowerOf2((uint)blockCount)];
    }

    /// <summary>At most, for planning memory.</summary>
    public static long BytesPerBlock(int blockSize) => Unsafe.SizeOf<Entry>() + (sizeof(int) * ((long)blockSize + MostBucketsPerBlock));

    /// <summary>Blocks that can be found.</summary>
    public int Count { get; private set; }

    public bool Has(int block) => _entries[block].Prefix != 0;

    /// <summary>A block with these tokens behind the parent's prefix, or <see cref="None"/>.</summary>
    /// <param name="parent">A block that can be found, or <see cref="None"/> at the beginning of a prompt.</param>
    /// <param name="references">Holders by block: of equal blocks one that is held costs no memory and is
    /// preferred.</param>
    public int Find(int parent, PrefixSpace space, ReadOnlySpan<int> tokens, ReadOnlySpan<int> references)
    {
        var hash = HashOf(parent, space, tokens);
        var found = None;
        for (var block = First(hash); block != None; block = _entries[block].Next)
        {
            if (!IsSame(block, hash, parent, space, tokens)) continue;
            found = block;
            if (references[block] > 0) break;
        }
        return found;
    }

    /// <summary>
    /// Another block with the prefix of this one, a held one if there is; <see cref="None"/> where there is none.
    /// </summary>
    public int TwinOf(int block, ReadOnlySpan<int> references)
    {
        var twin = None;
        for (var other = First(_entries[block].Hash); other != None; other = _entries[other].Next)
        {
            if (other == block || _entries[other].Prefix != _entries[block].Prefix) continue;
            twin = other;
            if (references[other] > 0) break;
        }
        return twin;
    }

    /// <summary>
    /// Makes a block findable. False where its parent is not: then nobody could tell what stands before it.
    /// </summary>
    /// <param name="tokens">Of the whole block, final, with their keys and values in it.</param>
    public bool Publish(int block, int parent, PrefixSpace space, ReadOnlySpan<int> tokens)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(tokens.Length, _blockSize, nameof(tokens));
        if (parent != None && !Has(parent)) return false;
        if (Has(block)) throw new InvalidOperationException($"KV block {block} is already in the prefix cache.");
        var hash = HashOf(parent, space, tokens);
        var twin = First(hash);
        while (twin != None && !IsSame(twin, hash, parent, space, tokens)) twin = _entries[twin].Next;
        ref var bucket = ref Bucket(hash);
        _entries[block] = new()
        {
            Hash = hash,
            Prefix = twin == None ? ++_lastPrefix : _entries[twin].Prefix,
            Parent = parent == None ? 0 : _entries[parent].Prefix,
            Space = parent == None ? space : null,
            Next = bucket - 1,
        };
        tokens.CopyTo(_tokens.AsSpan(block * _blockSize));
        bucket = block + 1;
        Count++;
        return true;
    }

    /// <summary>The block is not found any more; nothing where it could not be.</summary>
    public void Forget(int block)
    {
        if (!Has(block)) return;
        ref var link = ref Bucket(_entries[block].Hash);
        if (link - 1 == block)
        {
            link = _entries[block].Next + 1;
        }
        else
        {
            var before = link - 1;
            while (_entries[before].Next != block) before = _entries[before].Next;
            _entries[before].Next = _entries[block].Next;
        }
        _entries[block] = default;
        Count--;
    }

    /// <summary>Every entry is in its chain once, with the hash of its tokens; throws where it is not.</summary>
    public void CheckIntegrity()
    {
        var hashes = new Dictionary<long, UInt128>();
        for (var block = 0; block < _entries.Length; block++)
        {
            if (Has(block)) hashes[_entries[block].Prefix] = _entries[block].Hash;
        }

        var seen = new HashSet<int>();
        for (var bucket = 0; bucket < _buckets.Length; bucket++)
        {
            for (var block = _buckets[bucket] - 1; block != None; block = _entries[block].Next)
            {
                Check(Has(block) && seen.Add(block), $"block {block} is in a chain twice, or without an entry");
                Check(IndexOf(_entries[block].Hash) == bucket, $"block {block} is in another hash's chain");
                CheckHash(block, hashes);
            }
        }
        Check(seen.Count == Count, $"{seen.Count} blocks can be found, {Count} are counted");
    }

    private void CheckHash(int block, Dictionary<long, UInt128> hashes)
    {
        ref var entry = ref _entries[block];
        UInt128 parent;
        if (entry.Parent == 0) parent = RootOf(entry.Space!);
        else if (!hashes.TryGetValue(entry.Parent, out parent)) return; // retracted, and nobody comes here any more
        Check(_hash(parent, TokensOf(block)) == entry.Hash, $"block {block} has another hash than its tokens");
        Check(hashes[entry.Prefix] == entry.Hash, $"block {block} shares its number with another prefix");
    }

    private bool IsSame(int block, UInt128 hash, int parent, PrefixSpace space, ReadOnlySpan<int> tokens)
    {
        ref var entry = ref _entries[block];
        return entry.Hash == hash
            && (parent == None ? space.Equals(entry.Space) : entry.Parent == _entries[parent].Prefix)
            && TokensOf(block).SequenceEqual(tokens);
    }

    private UInt128 HashOf(int parent, PrefixSpace space, ReadOnlySpan<int> tokens) =>
        _hash(parent == None ? RootOf(space) : _entries[parent].Hash, tokens);

    private UInt128 RootOf(PrefixSpace space)
    {
        const int ChunkLength = 64;
        UInt128 root = space.AdapterVersion;
        Span<int> chunk = stackalloc int[ChunkLength];
        for (var left = space.Salt.AsSpan(); !left.IsEmpty; left = left[Math.Min(ChunkLength, left.Length)..])
        {
            var length = Math.Min(ChunkLength, left.Length);
            for (var index = 0; index < length; index++) chunk[index] = left[index];
            root = _hash(root, chunk[..length]);
        }
        return root;
    }

    private ReadOnlySpan<int> TokensOf(int block) => _tokens.AsSpan(block * _blockSize, _blockSize);

    private int First(UInt128 hash) => Bucket(hash) - 1;

    private ref int Bucket(UInt128 hash) => ref _buckets[IndexOf(hash)];

    private int IndexOf(UInt128 hash) => (int)((uint)hash & (uint)(_buckets.Length - 1));

    internal static BlockHash NewHash()
    {
        Span<byte> key = stackalloc byte[2 * sizeof(ulong)];
        RandomNumberGenerator.Fill(key);
        return new SipHash(BitConverter.ToUInt64(key), BitConverter.ToUInt64(key[sizeof(ulong)..])).Of;
    }

    [StackTraceHidden]
    private static void Check(bool holds, string otherwise)
    {
        if (!holds) throw new InvalidOperationException($"Prefix cache: {otherwise}.");
    }

    private struct Entry
    {
        public UInt128 Hash;
        public long Prefix; // 0: cannot be found
        public long Parent; // the parent's prefix; 0 for a first block
        public PrefixSpace? Space; // of a first block
        public int Next; // in the chain
    }
}
