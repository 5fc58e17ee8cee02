using Stoker.Engine.Native;

namespace Stoker.Engine.Tokenization.Bpe;

/// <summary>Byte strings by id: all bytes one after the other, and where each begins.</summary>
/// <param name="Offsets">One more than there are ids: the last is where the last one ends.</param>
/// <param name="Bytes">Of all.</param>
internal sealed record TokenStrings(FlatInts Offsets, FlatBytes Bytes)
{
    /// <summary>Highest id + 1.</summary>
    public int Size => Offsets.Length - 1;

    /// <summary>Empty for an id that does not exist.</summary>
    public ReadOnlySpan<byte> this[int id]
    {
        get
        {
            if ((uint)id >= (uint)Size) return default;
            var start = Offsets[id];
            return Bytes.Span.Slice(start, Offsets[id + 1] - start);
        }
    }

    /// <summary>The same, for who keeps it.</summary>
    public ReadOnlyMemory<byte> Memory(int id) =>
        (uint)id >= (uint)Size ? default : Bytes.Memory(Offsets[id], Offsets[id + 1] - Offsets[id]);

    /// <summary>Takes strings in the order of their ids.</summary>
    internal sealed class Builder(int size)
    {
        private readonly FlatInts _offsets = FlatInts.Allocate(size + 1);
        private byte[] _bytes = new byte[Math.Max(64, size * 8)]; // real vocabularies have 6 to 8 bytes a token
        private int _next;
        private int _used;

        /// <summary>Room for the next string; <see cref="Add(int)"/> says how much of it was used.</summary>
        public Span<byte> Room(int length)
        {
            if (_bytes.Length - _used < length)
            {
                Array.Resize(ref _bytes, (int)Math.Min(Array.MaxLength, Math.Max((long)_used + length, _bytes.Length * 2L)));
            }
            return _bytes.AsSpan(_used, length);
        }

        public void Add(int length)
        {
            _used += length;
            _offsets.Writable()[++_next] = _used;
        }

        public void Add(ReadOnlySpan<byte> bytes)
        {
            bytes.CopyTo(Room(bytes.Length));
            Add(bytes.Length);
        }

        public TokenStrings Build() => _next == size
            ? new(_offsets, FlatBytes.CopyOf(_bytes.AsSpan(0, _used)))
            : throw new InvalidOperationException($"{_next} strings were added of {size}");
    }
}
