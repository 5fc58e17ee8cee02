using Stoker.Engine.KvCache;
using Stoker.Engine.Scheduling;

namespace Stoker.Engine.Tests.Scheduling;

/// <summary>A sequence for tests of scheduling alone: nobody draws its tokens, the test says what they are.</summary>
internal sealed class PlainSequence(long arrival, int group, int promptLength, int maxTokenCount, BlockTable table)
    : SequenceState(arrival, group, promptLength, maxTokenCount, table)
{
    /// <summary>As many as there may ever be; all zero where a test does not care.</summary>
    public int[] All { get; init; } = new int[maxTokenCount];

    public int Drafted { get; set; }

    public override int DraftCount => Drafted;

    public override ReadOnlySpan<int> Tokens => All.AsSpan(0, TokenCount);
}
