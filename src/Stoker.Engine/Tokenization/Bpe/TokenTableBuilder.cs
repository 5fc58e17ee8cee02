using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Stoker.Engine.Native;
using Stoker.Engine.Tokenization.Tables;

namespace Stoker.Engine.Tokenization.Bpe;

/// <summary>Collects a vocabulary's entries in any order of ids.</summary>
internal sealed class TokenTableBuilder
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

    /// <param name="conflict">An entry whose id or whose bytes came twice, or null.</param>
    public TokenTable Build(out Conflict? conflict)
    {
        conflict = null;
        var places = new int[HighestId + 1]; // entry + 1; 0 is a gap
        for (var entry = 0; entry < _entries.Count; entry++)
        {
            ref var place = ref places[_entries[entry].Id];
            if (place == 0) place = entry + 1;
            else conflict ??= new Conflict(_entries[entry].Id, SameId: true);
        }

        var flags = FlatArray<TokenFlags>.Allocate(places.Length);
        var strings = new TokenStrings.Builder(places.Length);
        for (var id = 0; id < places.Length; id++)
        {
            var (_, start, length) = places[id] == 0 ? default : _entries[places[id] - 1];
            strings.Add(_bytes.AsSpan(start, length));
            if (places[id] != 0) flags.Writable()[id] = TokenFlags.Present;
        }

        var built = strings.Build();
        var table = TokenTable.Index(built, flags, TokenFlags.Present, KeyOf(built), out var twice);
        if (twice >= 0) conflict ??= new Conflict(twice, SameId: false);
        return table;
    }

    /// <summary>
    /// From all the strings, through a hash that nobody can aim: a vocabulary made to collide under a key has another
    /// key by then.
    /// </summary>
    private static ulong KeyOf(TokenStrings strings)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(MemoryMarshal.AsBytes(strings.Offsets.Span));
        hash.AppendData(strings.Bytes.Span);
        return BinaryPrimitives.ReadUInt64LittleEndian(hash.GetHashAndReset());
    }

    internal sealed record Conflict(int Id, bool SameId);
}
