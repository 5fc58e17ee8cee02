namespace Stoker.Engine;

/// <summary>A whole answer.</summary>
public sealed record GenerationResult(IReadOnlyList<GeneratedChoice> Choices, GenerationUsage Usage);

/// <summary>One choice of a whole answer.</summary>
/// <param name="Text">With the prompt in front if it was echoed.</param>
/// <param name="PromptTokens">The echoed prompt tokens; empty without echo.</param>
public sealed record GeneratedChoice(
    string Text, IReadOnlyList<GeneratedToken> PromptTokens, IReadOnlyList<GeneratedToken> Tokens, FinishReason Finish, Exception? Error);
