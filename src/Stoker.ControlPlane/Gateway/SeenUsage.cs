using System.Buffers.Text;
using Stoker.Api.Replicas;
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

    /// <summary>The replica's last word, when it was asked.</summary>
    public void Note(RequestTokens tokens) => Tokens = tokens;

    /// <param name="drafts">As <see cref="ReplicaProtocol.DraftsHeader"/> has them.</param>
    public void NoteDrafts(ReadOnlySpan<byte> drafts)
    {
        if (!Utf8Parser.TryParse(drafts, out int drafted, out var length) || length >= drafts.Length || drafts[length] != ',') return;
        if (Utf8Parser.TryParse(drafts[(length + 1)..], out int accepted, out _)) Tokens = Tokens with { Drafted = drafted, Accepted = accepted };
    }

    /// <summary>
    /// Of one event. Most have none, and the key cannot stand inside of a text: quotes are escaped there.
    /// </summary>
    public void Note(ReadOnlySpan<byte> frame)
    {
        if (frame.IndexOf("\"usage\""u8) >= 0 && AnswerScan.Run(SseFrames.Data(frame)) is { } answer) Note(answer);
    }
}
