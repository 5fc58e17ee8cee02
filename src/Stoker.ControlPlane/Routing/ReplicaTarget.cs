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
    private static int _made;

    private int _inFlight;
    private int _suspected;
    private PrefixIndex? _prefixes;

    public string ReplicaId => replicaId;

    public Uri? Address => address;

    public string? SocketPath => socketPath;

    public int MaxSequences => maxSequences;

    /// <summary>Replicas of one kind answer alike, bit for bit; null where that is not known.</summary>
    public string? Kind { get; init; }

    /// <summary>What its prefix cache holds; 0: it has none. A replica that does not tell is taken for a usual one.</summary>
    public long CacheTokens { get; init; } = PrefixIndex.UsualTokens;

    /// <summary>How its answers went, for those who compare revisions.</summary>
    public ReplicaAnswers Answers { get; init; } = new();

    /// <summary>Requests that this gateway sent there and that have not ended.</summary>
    public int InFlight => Volatile.Read(ref _inFlight);

    /// <summary>It broke off or could not be reached, and has not answered since: no request goes to it.</summary>
    public bool IsSuspected => Volatile.Read(ref _suspected) != 0;

    /// <summary>Tells it apart where 24 bits have to do: they come round after 16 million replicas.</summary>
    internal uint Number { get; } = (uint)Interlocked.Increment(ref _made) & 0xFF_FFFF;

    /// <summary>When it was picked last, in picks of its deployment.</summary>
    internal long LastPick
    {
        get => Volatile.Read(ref field);
        set => Volatile.Write(ref field, value);
    }

    /// <summary>What it should have in its cache, by what this gateway sent.</summary>
    internal PrefixIndex Prefixes => _prefixes ??= new(CacheTokens); // of two at once one is lost, no more

    /// <summary>The prompts that it computes, by what this gateway sent.</summary>
    internal PrefillQueue Prefill { get; } = new();

    /// <summary>What it had cached may be gone with it.</summary>
    /// <returns>False when it is suspected already.</returns>
    internal bool TrySuspect()
    {
        if (Interlocked.Exchange(ref _suspected, 1) != 0) return false;
        _prefixes?.Forget();
        return true;
    }

    internal void Trust() => Volatile.Write(ref _suspected, 0);

    /// <summary>One request more, if it has as many as were seen.</summary>
    internal bool TryBegin(int seen) => Interlocked.CompareExchange(ref _inFlight, seen + 1, seen) == seen;

    internal void End() => Interlocked.Decrement(ref _inFlight);
}
