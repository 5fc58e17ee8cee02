namespace Stoker.ControlPlane.Gateway;

/// <summary>The tokens of one request, as its answer tells them; 0 until it does.</summary>
internal sealed class SeenUsage
{
    public int PromptTokens { get; private set; }

    public int GeneratedTokens { get; private set; }

    /// <summary>A stream tells it once, with its last event or right after that.</summary>
    public bool IsTold { get; private set; }

    public void Note(ScannedAnswer answer)
    {
        IsTold |= answer.GeneratedTokens is not null;
        PromptTokens = answer.PromptTokens ?? PromptTokens;
        GeneratedTokens = answer.GeneratedTokens ?? GeneratedTokens;
    }

    /// <summary>
    /// Of one event. Most have none, and the key cannot stand inside of a text: quotes are escaped there.
    /// </summary>
    public void Note(ReadOnlySpan<byte> frame)
    {
        if (frame.IndexOf("\"usage\""u8) >= 0 && AnswerScan.Run(SseFrames.Data(frame)) is { } answer) Note(answer);
    }
}
