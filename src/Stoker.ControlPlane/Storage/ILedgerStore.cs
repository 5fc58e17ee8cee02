using Stoker.Api.Names;

namespace Stoker.ControlPlane.Storage;

/// <summary>A replica whose interval is open: its last event, and its last proof of life.</summary>
public sealed record OpenReplica(LedgerEvent Last, LifeProof Proof);

/// <summary>
/// What is written together or not at all: first the events in their order, then proofs of replicas that are open
/// after them. A proof of any other replica changes nothing.
/// </summary>
public sealed record LedgerWrite(IReadOnlyList<LedgerEvent> Events, IReadOnlyList<LifeProof> Proofs);

/// <summary>Up to where a reader has read.</summary>
/// <param name="Number">The last event that it knows.</param>
/// <param name="Version">Grows with every write of proofs.</param>
public sealed record LedgerPlace(long Number, long Version)
{
    public static LedgerPlace Start { get; } = new(0, -1);
}

/// <summary>One consistent look at the ledger.</summary>
/// <param name="Events">In the order in which they were written.</param>
/// <param name="Proofs">One for each replica that is open; see <see cref="HasProofs"/>.</param>
public sealed record LedgerReading(IReadOnlyList<LedgerEvent> Events, IReadOnlyList<LifeProof> Proofs, LedgerPlace Place)
{
    /// <summary>
    /// False when since the place before nothing but events was written: each is the newest proof of its replica, and all
    /// other proofs are as they were.
    /// </summary>
    public bool HasProofs { get; init; } = true;
}

/// <summary>
/// The ledger of replicas' lives: events are appended and never changed, beside them is one newest proof of life for
/// each open replica. One run of one server writes, the one that took over last.
/// </summary>
public interface ILedgerStore
{
    /// <summary>Makes a run the one that writes, and answers what it has to go on with.</summary>
    Task<IReadOnlyList<OpenReplica>> TakeOverAsync(string run, CancellationToken cancellation);

    /// <summary>
    /// Writes all or nothing. READY opens a replica, ENDED closes it, and every event is also its newest proof. An event
    /// that is there already is left as it is, so that a write whose answer was lost may be repeated.
    /// </summary>
    /// <returns>False when another run took over: nothing was written, nor will be.</returns>
    Task<bool> WriteAsync(string run, LedgerWrite write, CancellationToken cancellation);

    /// <summary>
    /// The events after a place and, when any proof was written since, all proofs; null when nothing was written since.
    /// </summary>
    ValueTask<LedgerReading?> ReadAsync(LedgerPlace after, CancellationToken cancellation);

    /// <summary>All that concerns the deployments of one name.</summary>
    ValueTask<LedgerReading> ReadAsync(DeploymentName deployment, CancellationToken cancellation);
}
