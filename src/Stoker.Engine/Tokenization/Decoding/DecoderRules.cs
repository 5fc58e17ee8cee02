namespace Stoker.Engine.Tokenization.Decoding;

/// <summary>How bytes are written in a vocabulary.</summary>
internal enum ByteSpelling
{
    /// <summary>Not at all: tokens are text.</summary>
    None,

    /// <summary>Every token is bytes in the byte alphabet.</summary>
    ByteLevel,

    /// <summary>Tokens are text, but <c>&lt;0xNN&gt;</c> is a byte.</summary>
    Fallback,
}

/// <summary>A decoder chain, compiled: what happens to each token, and what to the text as a whole.</summary>
internal sealed record DecoderRules
{
    public ByteSpelling Bytes { get; init; }

    /// <summary>Without a decoder, tokens are joined by spaces.</summary>
    public bool JoinedBySpaces { get; init; }
}
