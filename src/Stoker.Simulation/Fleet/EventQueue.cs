namespace Stoker.Simulation.Fleet;

/// <summary>What can happen, in the order in which things of one moment happen.</summary>
internal enum EventKind
{
    /// <summary>A replica computed a token, perhaps its request's last: places become free before anybody asks for
    /// one.</summary>
    Token,

    /// <summary>The router hears of what a replica did a while ago.</summary>
    News,

    /// <summary>A replica is ready.</summary>
    Ready,

    /// <summary>The next request arrives.</summary>
    Arrival,

    /// <summary>A second is over: the load is sampled, and every so often the policy decides.</summary>
    Second,
}

/// <summary>Events by time; those of one moment by kind, then in the order in which they were put in.</summary>
internal sealed class EventQueue(VirtualTime time)
{
    private readonly PriorityQueue<(EventKind Kind, FleetReplica? Replica), (long At, long Order)> _events = new(ByTime.Instance);
    private long _order;

    public void Add(TimeSpan at, EventKind kind, FleetReplica? replica = null) =>
        _events.Enqueue((kind, replica), (at.Ticks, ((long)kind << 56) | _order++));

    /// <summary>Takes the next event and moves the clock to it.</summary>
    public (EventKind Kind, FleetReplica? Replica) Take()
    {
        if (!_events.TryDequeue(out var next, out var key)) throw new InvalidOperationException("Nothing is left to happen, and requests wait.");
        time.MoveTo(new(key.At));
        return next;
    }

    private sealed class ByTime : IComparer<(long At, long Order)>
    {
        public static readonly ByTime Instance = new();

        public int Compare((long At, long Order) x, (long At, long Order) y) =>
            x.At != y.At ? x.At.CompareTo(y.At) : x.Order.CompareTo(y.Order);
    }
}
