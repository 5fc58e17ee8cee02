using System.Threading.Channels;

namespace Stoker.Engine.Scheduling;

/// <summary>
/// Events on their way to one reader. Bounded: nobody waits for the reader, it shows that it is too slow.
/// </summary>
internal sealed class EventBuffer
{
    private readonly int _maxUnread;
    private readonly Channel<GenerationEvent> _channel;
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public EventBuffer(int maxUnreadOfChoice, int choices)
    {
        _maxUnread = (int)Math.Min((long)maxUnreadOfChoice * choices, int.MaxValue - choices);

        // Beside the bound there is room for the last event of each choice: an end always gets through.
        var options = new BoundedChannelOptions(_maxUnread + choices) { SingleReader = true, SingleWriter = true };
        _channel = Channel.CreateBounded<GenerationEvent>(options);
    }

    public ChannelReader<GenerationEvent> Reader => _channel.Reader;

    /// <summary>Completed when the request has let go of everything.</summary>
    public Task Ended => _ended.Task;

    /// <summary>False: the reader has left too much unread and the event is lost.</summary>
    public bool TryWrite(GenerationEvent item) => _channel.Reader.Count < _maxUnread && _channel.Writer.TryWrite(item);

    public void WriteLast(GenerationEvent item)
    {
        if (!_channel.Writer.TryWrite(item)) throw new InvalidOperationException("A choice ended twice.");
    }

    /// <summary>Nothing more comes.</summary>
    public void Complete() => _channel.Writer.TryComplete();

    /// <summary>The request holds nothing any more; doing it again changes nothing.</summary>
    public void End() => _ended.TrySetResult();
}
