using Stoker.ControlPlane.Replicas;

namespace Stoker.ControlPlane.Routing;

/// <summary>
/// One replica as the gateway sees it: where it listens, and how much this gateway has running there.
/// </summary>
/// <remarks>
/// It outlives the routing tables that name it, so that its count is exact across changes of the table.
/// </remarks>
/// <param name="address">Its base URL; null when it listens on a unix socket.</param>
/// <param name="socketPath">Its unix socket; null when it has a URL.</param>
/// <param name="maxSequences">Requests that it runs at once: the pace at which held ones are released.</param>
public sealed class ReplicaTarget(string replicaId, Uri? address, string? socketPath, int maxSequences = int.MaxValue)
{
    private int _inFlight;
    private int _suspected;

    public string ReplicaId => replicaId;

    public Uri? Address => address;

    public string? SocketPath => socketPath;

    public int MaxSequences => maxSequences;

    /// <summary>Replicas of one kind answer alike, bit for bit; null where that is not known.</summary>
    public string? Kind { get; init; }

    /// <summary>How its answers went, for those who compare revisions.</summary>
    public ReplicaAnswers Answers { get; init; } = new();

    /// <summary>Requests that this gateway sent there and that have not ended.</summary>
    public int InFlight => Volatile.Read(ref _inFlight);

    /// <summary>It broke off or could not be reached, and has not answered since: no request goes to it.</summary>
    public bool IsSuspected => Volatile.Read(ref _suspected) != 0;

    /// <summary>When it was picked last, in picks of its deployment.</summary>
    internal long LastPick { get; set; }

    /// <returns>False when it is suspected already.</returns>
    internal bool TrySuspect() => Interlocked.Exchange(ref _suspected, 1) == 0;

    internal void Trust() => Volatile.Write(ref _suspected, 0);

    internal void Begin() => Interlocked.Increment(ref _inFlight);

    internal void End() => Interlocked.Decrement(ref _inFlight);
}

/// <summary>A place on a replica for one request; giving it back twice counts once.</summary>
public sealed class ReplicaLease : IDisposable
{
    private readonly HoldQueue _waiting;
    private int _ended;

    /// <param name="waiting">Who gets the place next.</param>
    internal ReplicaLease(ReplicaTarget replica, HoldQueue waiting)
    {
        (Replica, _waiting) = (replica, waiting);
        replica.Begin();
    }

    public ReplicaTarget Replica { get; }

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _ended, 1) != 0) return;
        Replica.End();
        _waiting.PlaceFreed();
    }
}
