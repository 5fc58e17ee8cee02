namespace Stoker.Engine.Tokenization.Bpe;

/// <summary>The BPE model: from a piece of text (UTF-8) to ids. Immutable.</summary>
/// <param name="key">Of the tables' hash, which the piece cache goes by too.</param>
/// <param name="pieces">Finds a whole piece; null when pieces are always merged (<c>ignore_merges</c> is false).</param>
/// <param name="symbols">The ids before the first merge.</param>
/// <param name="merges">The merges.</param>
internal sealed class BpeModel(ulong key, TokenTable? pieces, Symbols symbols, MergeTable merges)
{
    public void Encode(ReadOnlySpan<byte> piece, EncodeState state)
    {
        var cached = piece.Length <= PieceCache.MaxBytes;
        var hash = cached || pieces is not null ? ByteHash.Of(key, piece) : 0;
        if (cached && state.Cache.TryGet(piece, hash, state.Ids)) return;
        var whole = pieces is null ? -1 : pieces.FindPiece(piece, hash);
        if (whole >= 0) Finish(piece, hash, [whole], state);
        else Finish(piece, hash, Merge(piece, state.Merging), state);
    }

    private static void Finish(ReadOnlySpan<byte> piece, uint hash, ReadOnlySpan<int> ids, EncodeState state)
    {
        state.Ids.AddRange(ids);
        state.Cache.Put(piece, hash, ids);
    }

    private ReadOnlySpan<int> Merge(ReadOnlySpan<byte> piece, MergeScratch scratch)
    {
        scratch.Reserve(piece.Length);
        var count = symbols.Fill(piece, scratch.Symbols);
        return scratch.Symbols.AsSpan(0, Merger.Merge(merges, scratch, count));
    }
}
