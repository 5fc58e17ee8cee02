using Stoker.Api.Names;
using Stoker.ControlPlane.Runtimes;

namespace Stoker.ControlPlane.Storage;

/// <summary>Why an instant of a replica's life is in the ledger.</summary>
public enum LedgerEventKind
{
    /// <summary>The first: it is READY, and from here on it is paid for.</summary>
    Ready,

    /// <summary>The first proof of life that another run of the server has of it.</summary>
    Resumed,

    /// <summary>
    /// A proof of life that is kept because something differs from here on: the wall clock was stepped, a reservation
    /// began or ended, or the boot ended.
    /// </summary>
    Alive,

    /// <summary>The last: its last proof of life.</summary>
    Ended,
}

/// <summary>What of a replica is paid for, and by whom.</summary>
/// <param name="DeploymentTime">When the deployment was created: its name may be used again by a later one.</param>
/// <param name="AcceleratorCount">Accelerators of this one replica.</param>
/// <param name="Reserved">Whether they belong to the account's reserved capacity.</param>
public sealed record MeteredReplica(
    DeploymentName Deployment, DateTimeOffset DeploymentTime, string AcceleratorType, int AcceleratorCount, string Region, bool Reserved);

/// <summary>One row of the ledger. From it to the replica's next row <paramref name="What"/> holds.</summary>
/// <param name="Ordinal">Counts the replica's own events from 0, which is READY.</param>
/// <param name="LongestGap">
/// The longest time between two proofs of life that were written since the replica's event before: how tight the proofs
/// of that stretch were.
/// </param>
/// <param name="Run">The run of the server that saw this proof of life.</param>
public sealed record LedgerEvent(
    ReplicaId Replica, int Ordinal, LedgerEventKind Kind, BootStamp At, TimeSpan LongestGap, string Run, MeteredReplica What);

/// <summary>The newest proof of life of a replica whose interval is open.</summary>
/// <param name="LongestGap">The longest time between two of them since the replica's last event.</param>
public sealed record LifeProof(ReplicaId Replica, BootStamp At, TimeSpan LongestGap);
