namespace Stoker.Engine.Tokenization;

/// <summary>
/// A text cannot be tokenised within the limits. The message holds nothing of the text and is fit for a 400.
/// </summary>
public sealed class TokenizationException(string message) : Exception(message);
