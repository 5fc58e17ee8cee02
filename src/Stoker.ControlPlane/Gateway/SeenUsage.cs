using Stoker.ControlPlane.Storage;

namespace Stoker.ControlPlane.Gateway;

/// <summary>The tokens of one request, as its answer tells them; 0 until it does.</summary>
internal sealed class SeenUsage
{
    public RequestTokens Tokens { get; private set; }

    public int PromptTokens => Tokens.Prompt;

    public int GeneratedTokens => Tokens.Generated;

    /// <summary>A stream tells it once, with its last event or right after that.</summary>
    public bool IsTold { get; private set; }

    public void Note(ScannedAnswer answer)
    {
        IsTold |= answer.GeneratedTokens is not null;
        Tokens = Tokens with
        {
            Prompt = answer.PromptTokens ?? Tokens.Prompt,
            Cached = answer.CachedTokens ?? Tokens.Cached,
            Generated = answer.GeneratedTokens ?? Tokens.Generated,
        };
    }

    /// <summary>
    /// Of one event. Most have none, and the key cannot stand inside of a text: quotes are escaped there.
    /// </summary>
    public void Note(ReadOnlySpan<byte> frame)
    {
        if (frame.IndexOf("\"usage\""u8) >= 0 && AnswerScan.Run(SseFrames.Data(frame)) is { } answer) Note(answer);
    }
}
