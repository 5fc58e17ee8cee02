namespace Stoker.Engine.Tokenization.AddedTokens;

/// <summary>A token that is cut out of the text before the model sees it.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Content">Its text.</param>
/// <param name="Special">Left out by decoding that skips special tokens, and plain text to encoding that does not parse
/// them.</param>
/// <param name="SingleWord">Matches only where no word character touches it.</param>
/// <param name="StripLeft">The match swallows the white space before it.</param>
/// <param name="StripRight">The match swallows the white space after it.</param>
/// <param name="Normalized">Looked for in the normalised text, in normalised form; else in the text as given.</param>
internal sealed record AddedToken(int Id, string Content, bool Special, bool SingleWord, bool StripLeft, bool StripRight, bool Normalized);
