namespace Stoker.Engine.Tokenization.Tables;

/// <summary>What is known of one id; a byte in the tables.</summary>
[Flags]
internal enum TokenFlags : byte
{
    None = 0,

    /// <summary>The id exists; others are gaps.</summary>
    Present = 1,

    /// <summary>An added token marked special.</summary>
    Special = 2,

    /// <summary>A fallback byte, <c>&lt;0xNN&gt;</c>, which may be a part of a character.</summary>
    Byte = 4,

    /// <summary>
    /// The model itself may make this token of text. Not special ones: only added-token matching may do that, and only
    /// where the caller allows it; nor added ones that the model's vocabulary does not have.
    /// </summary>
    Piece = 8,
}
