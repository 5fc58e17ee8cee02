namespace Stoker.Engine.Tokenization.Regex;

/// <summary>A pattern is broken, or uses a construct that the engine does not have.</summary>
internal sealed class PatternSyntaxException(string message) : Exception(message);
