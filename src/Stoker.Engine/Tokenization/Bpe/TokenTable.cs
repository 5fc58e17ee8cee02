using System.Numerics;

namespace Stoker.Engine.Tokenization.Bpe;

/// <summary>
/// Byte strings by id and ids by byte string: one block of bytes, two arrays and an open hash table, so that 128k
/// entries load in milliseconds.
/// </summary>
internal sealed class TokenTable
{
    private readonly byte[] _bytes;
    private readonly Entry[] _entries; // by id; a length of -1 marks a gap
    private readonly int[] _slots; // id + 1; 0 is free
    private readonly int _mask;

    private TokenTable(byte[] bytes, Entry[] entries, int count)
    {
        (_bytes, _entries) = (bytes, entries);
        _slots = new int[BitOperations.RoundUpToPowerOf2((uint)Math.Max(16, count * 2))];
        _mask = _slots.Length - 1;
    }

    /// <summary>Highest id + 1.</summary>
    public int Size => _entries.Length;

    public bool Has(int id) => (uint)id < (uint)_entries.Length && _entries[id].Length >= 0;

    /// <summary>The bytes of the id; empty for an id that has none.</summary>
    public ReadOnlySpan<byte> this[int id] =>
        Has(id) ? _bytes.AsSpan(_entries[id].Start, _entries[id].Length) : default;

    public ReadOnlyMemory<byte> Memory(int id) =>
        Has(id) ? _bytes.AsMemory(_entries[id].Start, _entries[id].Length) : default;

    /// <summary>The id of a byte string, or -1.</summary>
    public int Find(ReadOnlySpan<byte> bytes)
    {
        for (var slot = (int)ByteHash.Of(bytes) & _mask; ; slot = (slot + 1) & _mask)
        {
            var id = _slots[slot] - 1;
            if (id < 0) return -1;
            ref var entry = ref _entries[id];
            if (_bytes.AsSpan(entry.Start, entry.Length).SequenceEqual(bytes)) return id;
        }
    }

    /// <summary>Puts an id into the hash; false when another id has the same bytes (the first one stays).</summary>
    private bool Index(int id)
    {
        var bytes = this[id];
        var slot = (int)ByteHash.Of(bytes) & _mask;
        for (; _slots[slot] != 0; slot = (slot + 1) & _mask)
        {
            if (this[_slots[slot] - 1].SequenceEqual(bytes)) return false;
        }

        _slots[slot] = id + 1;
        return true;
    }

    private readonly record struct Entry(int Start, int Length);

    /// <summary>Collects entries in any order of ids.</summary>
    internal sealed class Builder
    {
        private readonly List<(int Id, int Start, int Length)> _entries = [];
        private byte[] _bytes = new byte[1 << 16];
        private int _used;

        public int Count => _entries.Count;

        public int HighestId { get; private set; } = -1;

        /// <summary>Room for one entry's bytes; <see cref="Add(int, int)"/> says how many of them were used.</summary>
        public Span<byte> Room(int length)
        {
            if (_bytes.Length - _used < length) Array.Resize(ref _bytes, Math.Max(_used + length, _bytes.Length * 2));
            return _bytes.AsSpan(_used, length);
        }

        public void Add(int id, int length)
        {
            _entries.Add((id, _used, length));
            _used += length;
            HighestId = Math.Max(HighestId, id);
        }

        public void Add(int id, ReadOnlySpan<byte> bytes)
        {
            bytes.CopyTo(Room(bytes.Length));
            Add(id, bytes.Length);
        }

        public ReadOnlySpan<byte> Last => _bytes.AsSpan(_entries[^1].Start, _entries[^1].Length);

        /// <param name="size">Ids of the table, at least the highest id + 1.</param>
        /// <param name="conflict">The first entry whose id or whose bytes came twice, or null.</param>
        public TokenTable Build(int size, out Conflict? conflict)
        {
            var entries = new Entry[size];
            Array.Fill(entries, new Entry(0, -1));
            var table = new TokenTable(_bytes, entries, _entries.Count);
            conflict = null;
            foreach (var (id, start, length) in _entries)
            {
                if (entries[id].Length >= 0)
                {
                    conflict ??= new Conflict(id, SameId: true);
                    continue;
                }

                entries[id] = new Entry(start, length);
                if (!table.Index(id)) conflict ??= new Conflict(id, SameId: false);
            }

            return table;
        }
    }

    internal sealed record Conflict(int Id, bool SameId);
}
