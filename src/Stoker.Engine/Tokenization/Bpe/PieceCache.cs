using System.Runtime.CompilerServices;

namespace Stoker.Engine.Tokenization.Bpe;

/// <summary>
/// Ids of recently met pieces: one place per hash, one cache line per place, 1 MiB in all. A newcomer takes the place
/// of what was there.
/// </summary>
internal sealed class PieceCache
{
    /// <summary>Longest piece that is kept: words are shorter, and longer pieces hardly repeat.</summary>
    public const int MaxBytes = 30;

    /// <summary>Most ids of a piece that is kept.</summary>
    public const int MaxIds = 8;

    private const int Places = 16384;
    private readonly Place[] _places = new Place[Places];

    /// <summary>Appends the piece's ids; false when the piece is not here.</summary>
    public bool TryGet(ReadOnlySpan<byte> piece, uint hash, List<int> ids)
    {
        ref var place = ref _places[hash & (Places - 1)];
        if (place.Length != piece.Length) return false;
        ReadOnlySpan<byte> bytes = place.Bytes;
        if (!bytes[..piece.Length].SequenceEqual(piece)) return false;
        ReadOnlySpan<int> kept = place.Ids;
        if (place.Count == 1) ids.Add(kept[0]);
        else ids.AddRange(kept[..place.Count]);
        return true;
    }

    public void Put(ReadOnlySpan<byte> piece, uint hash, ReadOnlySpan<int> ids)
    {
        if (piece.Length is 0 or > MaxBytes || ids.Length > MaxIds) return;
        ref var place = ref _places[hash & (Places - 1)];
        piece.CopyTo(place.Bytes);
        ids.CopyTo(place.Ids);
        (place.Length, place.Count) = ((byte)piece.Length, (byte)ids.Length);
    }

    private struct Place
    {
        public PlaceIds Ids;
        public PlaceBytes Bytes;
        public byte Length;
        public byte Count;
    }

    [InlineArray(MaxBytes)]
    private struct PlaceBytes
    {
        private byte _first;
    }

    [InlineArray(MaxIds)]
    private struct PlaceIds
    {
        private int _first;
    }
}
