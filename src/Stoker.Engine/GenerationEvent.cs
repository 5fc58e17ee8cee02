using System.Text;

namespace Stoker.Engine;

/// <summary>
/// Why a choice ended. <see cref="Cancelled"/>: by the caller, by a reader that fell too far behind, or because the
/// engine closed.
/// </summary>
public enum FinishReason { Stop, Length, Cancelled, Error }

/// <summary>
/// Something new of one choice: text that is certain, the tokens it came from, and at the end the reason.
/// </summary>
/// <remarks>
/// Texts concatenated are the answer; tokens concatenated are all that were generated, end token included. An event
/// that ends nothing has text: tokens whose text is held back (half a code point, the possible beginning of a stop
/// string) come with the next one. Of a choice, one event has <see cref="Finish"/> and it is the choice's last.
/// Events and tokens are values: an event of one token costs no memory but its text's, and that is shared.
/// </remarks>
/// <param name="Choice">0 up to the number of choices.</param>
public readonly record struct GenerationEvent(int Choice, string Text, GeneratedTokens Tokens, FinishReason? Finish = null)
{
    /// <summary>The echo of the prompt, which comes before anything else of the choice.</summary>
    public bool IsPrompt { get; init; }

    /// <summary>
    /// The answer that the request came with (<see cref="GenerationRequest.Answered"/>) had come to its end: the reader has
    /// had this event, but for what follows it.
    /// </summary>
    public bool IsKnown { get; init; }

    /// <summary>Of the whole request; only on the last event of the generation.</summary>
    public GenerationUsage? Usage { get; init; }

    /// <summary>
    /// What went wrong, with <see cref="FinishReason.Error"/>; why, where the engine cancelled. The message has no text
    /// of the request in it.
    /// </summary>
    public Exception? Error { get; init; }
}

/// <summary>One token of the answer, or of an echoed prompt.</summary>
/// <param name="Bytes">The token's own bytes, perhaps only a part of a code point.</param>
/// <param name="TextOffset">Where the token's text begins in the choice's text (an echoed prompt is part of it), in
/// Unicode code points.</param>
/// <param name="Logprob">Null when not asked for, and for the first token of a prompt, which nothing predicts. Never
/// below -9999.</param>
/// <param name="TopLogprobs">The most likely tokens in falling order, lower id first on ties; empty when not asked
/// for.</param>
public readonly record struct GeneratedToken(
    int Id, ReadOnlyMemory<byte> Bytes, int TextOffset, double? Logprob, IReadOnlyList<TokenLogprob> TopLogprobs)
{
    /// <summary>The end token that ended the choice: part of the usage, not of the text.</summary>
    public bool IsEnd { get; init; }

    public string Text => Encoding.UTF8.GetString(Bytes.Span);
}

/// <summary>One of the most likely tokens at a position.</summary>
public readonly record struct TokenLogprob(int Id, ReadOnlyMemory<byte> Bytes, double Logprob)
{
    public string Text => Encoding.UTF8.GetString(Bytes.Span);
}

/// <summary>What a request used, all choices together, and where its time went.</summary>
/// <param name="CompletionTokens">Generated tokens of all choices; end tokens count.</param>
/// <param name="CachedTokens">Prompt tokens that were taken from an earlier request's KV cache.</param>
/// <param name="QueueTime">From submission to the first step.</param>
/// <param name="TimeToFirstToken">From submission; null when there was none.</param>
/// <param name="Duration">From submission to the end.</param>
public sealed record GenerationUsage(
    int PromptTokens, int CompletionTokens, int CachedTokens, TimeSpan QueueTime, TimeSpan? TimeToFirstToken, TimeSpan Duration)
{
    public int Preemptions { get; init; }

    /// <summary>Null where no drafts were verified and nothing was predicted.</summary>
    public SpeculationStatistics? Speculation { get; init; }
}
