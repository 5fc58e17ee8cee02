using System.Buffers;
using System.Buffers.Text;
using Stoker.Api.Replicas;
using Stoker.Engine;
using Stoker.Replica.Requests;

namespace Stoker.Replica.Answers;

/// <summary>What a stream tells the gateway beside its events, so that another replica can go on with it.</summary>
/// <param name="obstacle">Why none can; null when one can.</param>
internal sealed class ResumeMarks(Answer answer, Resumption asked, string? obstacle, long created)
{
    /// <summary>The longest id and a comma.</summary>
    private const int MostIdBytes = 11;

    /// <summary>Frames that the client has of an answer whose tokens all begin here: the role, an echo.</summary>
    public int FramesToSkip => answer.HasAnswered ? 0 : asked.Events;

    /// <summary>Role and echo are out: they come before any token.</summary>
    public bool HasBegun => answer.HasAnswered;

    /// <summary>Known with the first event.</summary>
    public string Header => obstacle is null
        ? (asked.First ?? new(created, answer.CachedTokens, answer.MaxTokens)).ToString()
        : $"no={obstacle}";

    public GenerationUsage Adjust(GenerationUsage usage) => asked.First is { } first ? usage with { CachedTokens = first.CachedTokens } : usage;

    public void Write(IBufferWriter<byte> output, GenerationEvent item)
    {
        if (obstacle is not null || item.IsPrompt || item.Tokens.Count == 0) return;
        output.Write(ReplicaProtocol.TokensMark);
        for (var index = 0; index < item.Tokens.Count; index++)
        {
            var span = output.GetSpan(MostIdBytes);
            Utf8Formatter.TryFormat(item.Tokens[index].Id, span, out var written);
            span[written] = index + 1 < item.Tokens.Count ? (byte)',' : (byte)'\n';
            output.Advance(written + 1);
        }
    }
}
