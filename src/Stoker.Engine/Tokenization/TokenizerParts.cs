using Stoker.Engine.Tokenization.AddedTokens;
using Stoker.Engine.Tokenization.Bpe;
using Stoker.Engine.Tokenization.Decoding;
using Stoker.Engine.Tokenization.Normalizers;
using Stoker.Engine.Tokenization.Splitting;
using Stoker.Engine.Tokenization.Tables;

namespace Stoker.Engine.Tokenization;

/// <summary>What a tokenizer is made of, all of it immutable but the pool of states.</summary>
internal sealed record TokenizerParts
{
    /// <summary>All that is large; the other parts are views of it, or small.</summary>
    public required TokenizerTables Tables { get; init; }

    /// <summary>Tokens as the file spells them.</summary>
    public required TokenTable Texts { get; init; }

    /// <summary>The bytes that tokens stand for in an answer.</summary>
    public required TokenStrings Values { get; init; }

    /// <summary>Added tokens that are looked for in the text as given.</summary>
    public required AddedTokenMatcher Raw { get; init; }

    /// <summary>Added tokens that are looked for in the normalised text.</summary>
    public required AddedTokenMatcher Normalized { get; init; }

    public required NormalizerChain Normalizers { get; init; }

    public required PieceStep Steps { get; init; }

    public required EncodeStatePool States { get; init; }

    public required DecoderRules Rules { get; init; }

    /// <summary>Ids before and after a text that is encoded with special tokens.</summary>
    public required int[] Before { get; init; }

    public required int[] After { get; init; }
}
