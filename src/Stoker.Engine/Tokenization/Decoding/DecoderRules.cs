using System.Text;

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

/// <summary>
/// A decoder chain, compiled: what happens to each token by itself, how bytes become text, and what is cut from the
/// text as a whole.
/// </summary>
internal sealed record DecoderRules
{
    /// <summary>Changes of a token's text, in order, before its bytes are looked at.</summary>
    public IReadOnlyList<TokenEdit> Edits { get; init; } = [];

    public ByteSpelling Bytes { get; init; }

    /// <summary>What is cut from the ends of the whole text; null for nothing.</summary>
    public StripRule? Strip { get; init; }

    /// <summary>Without a decoder, tokens are joined by spaces.</summary>
    public bool JoinedBySpaces { get; init; }

    /// <summary>Whether the first token of an answer reads differently from the same token later.</summary>
    public bool FirstDiffers => Edits.Any(edit => edit.FirstDiffers);

    /// <summary>A token's text after the edits.</summary>
    /// <exception cref="TokenizationException">The edits blow the token up, as no decoder of a real model
    /// does.</exception>
    public string Edit(string token, bool first)
    {
        var most = 256 + (16 * token.Length);
        foreach (var edit in Edits)
        {
            token = edit.Apply(token, first);
            if (token.Length > most)
            {
                throw new TokenizationException($"the decoder makes more than {most} characters of one token");
            }
        }

        return token;
    }

    /// <summary>The byte that a token spells as <c>&lt;0xNN&gt;</c>, or -1.</summary>
    public static int FallbackByte(string token) =>
        token.Length == 6 && token.StartsWith("<0x", StringComparison.Ordinal) && token[5] == '>'
        && char.IsAsciiHexDigit(token[3]) && char.IsAsciiHexDigit(token[4])
            ? Convert.FromHexString(token.AsSpan(3, 2))[0]
            : -1;
}

/// <summary>Up to so many of one character, cut from the start and from the end.</summary>
internal sealed record StripRule(Rune Content, int Start, int End);

/// <summary>A change of one token's text.</summary>
internal abstract record TokenEdit
{
    public virtual bool FirstDiffers => false;

    public abstract string Apply(string token, bool first);
}

/// <summary>
/// Metaspace: the mark is a space, and in the first token of an answer nothing, because encoding may have put it there.
/// </summary>
internal sealed record MarkEdit(string Mark, bool DropInFirst) : TokenEdit
{
    public override bool FirstDiffers => DropInFirst;

    public override string Apply(string token, bool first) =>
        token.Replace(Mark, first && DropInFirst ? "" : " ", StringComparison.Ordinal);
}

/// <summary>A Strip that stands where tokens are not joined yet, so it cuts every one of them.</summary>
internal sealed record StripEdit(StripRule Rule) : TokenEdit
{
    public override string Apply(string token, bool first)
    {
        var runes = token.EnumerateRunes().ToArray();
        var (start, end) = (0, runes.Length);
        while (start < end && start < Rule.Start && runes[start] == Rule.Content) start++;
        while (end > start && runes.Length - end < Rule.End && runes[end - 1] == Rule.Content) end--;
        return string.Concat(runes[start..end].Select(rune => rune.ToString()));
    }
}
