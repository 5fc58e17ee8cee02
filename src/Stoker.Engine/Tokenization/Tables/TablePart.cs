namespace Stoker.Engine.Tokenization.Tables;

/// <summary>
/// The arrays that a tokenizer consists of, in the order of the file. All numbers are little-endian.
/// </summary>
internal enum TablePart
{
    /// <summary>One <see cref="ModelRecord"/>.</summary>
    Model,

    /// <summary>Normalizer, pre-tokenizer and decoder as a small JSON object, in tokenizer.json's own words.</summary>
    Rules,

    /// <summary>int, size + 1 of them: where each id's spelling starts in <see cref="TextBytes"/>.</summary>
    TextOffsets,
    TextBytes,

    /// <summary>int: hash slots over the spellings; id + 1, 0 is free; a power of two of them.</summary>
    TextSlots,

    /// <summary><see cref="TokenFlags"/>, one byte per id.</summary>
    Flags,

    /// <summary>The bytes that each id stands for in an answer.</summary>
    ValueOffsets,
    ValueBytes,

    /// <summary>
    /// The bytes that a piece of text must have to be one token; only where the model looks whole pieces up
    /// (<c>ignore_merges</c>) and sees bytes; else empty.
    /// </summary>
    PieceOffsets,
    PieceBytes,
    PieceSlots,

    /// <summary><see cref="Bpe.MergeEntry"/>: hash slots over pairs of ids; a power of two of them.</summary>
    Merges,

    /// <summary>int, 256 or none: the id of each byte, -1 where it has none.</summary>
    ByteIds,

    /// <summary><see cref="AddedTokens.AddedTokenEntry"/> in the order of their bytes, and those bytes: tokens looked
    /// for in the text as given.</summary>
    RawTokens,
    RawTokenBytes,

    /// <summary>The same for tokens looked for in the normalised text.</summary>
    NormalizedTokens,
    NormalizedTokenBytes,

    /// <summary>int: ids before and after a text that is encoded with special tokens.</summary>
    Before,
    After,
}
