namespace Stoker.ControlPlane.Runtimes;

/// <summary>How far a replica is, as its runtime sees it.</summary>
public enum ReplicaPhase
{
    /// <summary>Started; it has not answered yet.</summary>
    Starting,
    Loading,
    Ready,

    /// <summary>Takes no new requests and ends with its last stream.</summary>
    Draining,

    /// <summary>Observed gone.</summary>
    Ended,
}

/// <summary>Where requests to a replica go.</summary>
/// <param name="Address">The base address. Behind a socket its host is a placeholder.</param>
/// <param name="SocketPath">The unix socket to connect to; null means TCP to the address.</param>
/// <param name="MaxSequences">Sequences it runs at once.</param>
public sealed record ReplicaEndpoint(ReplicaId Id, Uri Address, string? SocketPath, int MaxSequences)
{
    /// <summary>
    /// Replicas of one kind answer alike, bit for bit: the same revision of the deployment, kernel set and build of the engine. Null
    /// where that is not known.
    /// </summary>
    public string? Kind { get; init; }

    /// <summary>Tokens of prompts that its prefix cache holds; 0: it has none. Null where it does not tell.</summary>
    public long? CacheTokens { get; init; }
}

/// <summary>How a replica ended.</summary>
/// <param name="Orderly">It drained because it was told to, or because its lease ran out: no fault of the
/// replica.</param>
/// <param name="Message">Its own last words, or what is known about its death. Never a byte of a prompt or an
/// answer.</param>
public sealed record ReplicaEnd(bool Orderly, string Message);

/// <summary>One replica that is really there, or was when its runtime last looked.</summary>
/// <param name="Endpoint">Set when ready.</param>
/// <param name="Progress">0..1 while loading, else null.</param>
/// <param name="Stalled">
/// How long it came no further: nothing new while it starts or loads, no answer once it is ready. Counted over the
/// runtime's own looks, so that a server that was suspended does not take every replica for dead.
/// </param>
/// <param name="End">Set when ended.</param>
public sealed record ObservedReplica(
    ReplicaSpec Spec,
    ReplicaPhase Phase,
    ReplicaEndpoint? Endpoint,
    double? Progress,
    TimeSpan Stalled,
    ReplicaEnd? End)
{
    public ReplicaId Id => Spec.Id;

    /// <summary>
    /// Its last proof of life, as a timestamp of the runtime's clock: its last answer, or its end if the system reported
    /// that and it had answered the look before; of one that ended before it could be asked, what it wrote down itself.
    /// Null while its runtime has none.
    /// </summary>
    public long? LastAlive { get; init; }

    /// <summary>
    /// Requests inside when it last said, whichever gateway sent them; 0 before. As old as the runtime's last look.
    /// </summary>
    public int Requests { get; init; }
}
